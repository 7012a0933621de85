import type { FlowStep } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { MemoryRun } from '../../../../../test/world/memory-committer.ts';
import { fold } from '../../engine/apply.ts';
import { foldTranscript } from '../../eventlog/fold.ts';
import { begin, eventsOf, says } from '../segment.fixture.ts';
import { agentOf, createFlowWorld, ends, type FlowWorld, step } from './flow-world.fixture.ts';

const request = { url: 'https://a.test/{{ n }}', method: 'POST' as const };
const STEPS: FlowStep[] = [
  step('set', 's1', { variable: 'n', value: 4 }),
  step('transform', 's2', { script: 'return n * 2', output: 'n' }),
  step('agent', 's3', {
    agent: agentOf({ tools: [{ type: 'builtin', name: 'record_note' }] }),
    prompt: 'Think of {{ n }}',
    output: 'thought',
  }),
  step('http', 's4', { request, afterCrash: 'retry', pick: { ok: 'ok' }, output: 'posted' }),
  step('tool', 's5', {
    tool: { type: 'client', name: 'pick' },
    args: { of: '{{ thought }}' },
    output: 'picked',
  }),
  step('tool', 's6', {
    tool: { type: 'builtin', name: 'record_note', approval: 'always' },
    args: { text: '{{ picked }}' },
  }),
  step('condition', 's7', {
    condition: 'posted.ok',
    then: [step('wait', 's8', { delayMs: 1_000 })],
    else: [step('send', 'no', { text: 'no' })],
  }),
  step('http', 's9', {
    request: { url: 'https://a.test/fail', method: 'GET' },
    onError: { then: 'fail', fallbacks: [{ type: 'output', output: 'instead' }] },
    output: 'got',
  }),
  step('send', 's10', { text: '{{ picked }} and {{ got }}' }),
];
const ANSWERS = { pick: { output: 'red' }, 'approve record_note': { decision: 'approve' as const } };

function world(): FlowWorld {
  return createFlowWorld({
    model: ({ turn }) =>
      turn === 1 ? says('', { tool: 'record_note', args: { text: 'x' } }) : says('eight'),
    target: ({ url }) =>
      url.endsWith('/fail') ? new Response('', { status: 500 }) : Response.json({ ok: true }),
  });
}

/** Drives it while the process dies with the n-th of its commits; false: there are fewer. */
async function driveKilledAt(
  w: FlowWorld,
  run: MemoryRun,
  n: number,
  how: 'hang_before' | 'hang_after',
): Promise<boolean> {
  let commits = 0;
  let reached = (): void => undefined;
  const hung = new Promise<void>((resolve) => (reached = resolve));
  w.store.fault = (asked) => {
    if (asked.segment === undefined || asked.commands[0]?.type === 'giveBack') return undefined;
    commits += 1;
    if (commits !== n) return undefined;
    reached();
    return how;
  };
  let isKilled = false;
  const driven = w.driveFlow(run, ANSWERS, () => isKilled);
  isKilled = await Promise.race([hung.then(() => true), driven.then(() => false)]);
  if (!isKilled) return false;
  await w.clock.settle();
  w.store.fault = null;
  await w.adopt(run);
  await w.driveFlow(run, ANSWERS);
  return true;
}

/** How its steps ended, whatever its id. */
function told(run: MemoryRun): unknown {
  return JSON.parse(JSON.stringify(ends(run)).replaceAll(run.state.runId, 'run'));
}

describe('a flow whose process dies', () => {
  it.each(['hang_before', 'hang_after'] as const)(
    'at any of its commits (%s) goes on without repeating a step',
    async (how) => {
      const calm = world();
      const expected = calm.startFlow(STEPS);
      await calm.driveFlow(expected, ANSWERS);
      expect(expected.state.status).toBe('succeeded');
      let killed = 0;
      for (let n = 1; ; n += 1) {
        const w = world();
        const run = w.startFlow(STEPS);
        if (!(await driveKilledAt(w, run, n, how))) break;
        killed += 1;
        expect([n, told(run)]).toEqual([n, told(expected)]);
        expect([n, run.state.status]).toEqual([n, 'succeeded']);
        expect(eventsOf(run, 'run.succeeded')[0]?.output).toBe('red and instead');
        // However often it was asked: under one key.
        expect(new Set(w.seen.map(({ key }) => key)).size).toBe(2);
        expect(
          w.seen.filter(({ url }) => url.endsWith('/8')).every(({ key }) => key === w.seen[0]?.key),
        ).toBe(true);
        expect(fold(run.events)).toEqual(run.state);
        const cut = Math.ceil(run.events.length / 2);
        const inParts = foldTranscript(run.events.slice(cut), foldTranscript(run.events.slice(0, cut)));
        expect(inParts).toEqual(foldTranscript(run.events));
      }
      expect(killed).toBeGreaterThan(20);
    },
    60_000,
  );

  it('tells a person of a request that may have been made, where it must not be made twice', async () => {
    const w = world();
    const steps = [step('http', 'pay', { request }), step('send', 'end', { text: 'paid' })];
    const run = w.startFlow(steps, { n: 1 });
    let isHung = false;
    w.store.fault = (asked) => {
      isHung = asked.commands[0]?.type === 'completeCall';
      return isHung ? 'hang_before' : undefined;
    };
    await begin(w, run);
    while (!isHung) await w.clock.settle();
    w.store.fault = null;
    await w.adopt(run);
    await w.driveFlow(run);
    expect(run.state).toMatchObject({ status: 'waiting', waits: [{ kind: 'in_doubt' }] });
    await w.driveFlow(run, { http_request: { outcome: 'done', output: { known: true } } });
    expect(w.seen).toHaveLength(1);
    expect(ends(run)).toEqual([
      ['pay', { known: true }],
      ['end', 'paid'],
    ]);
  });
});
