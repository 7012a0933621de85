import { randomUUID } from 'node:crypto';
import type { FlowStep, RunEvent, StartRunBody, Wait } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ServerProcess } from '../world/processes.ts';
import { crashWorld, type CrashWorld } from './crash-world.ts';
import { approve, drive, seeThrough } from './see-through.ts';

let world: CrashWorld;
beforeAll(async () => {
  world = await crashWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

/** Ten steps of all types, with one client tool, one approval, and one request that must not be made twice. */
function tenSteps(): StartRunBody {
  const named = (steps: Record<string, unknown>[]): FlowStep[] =>
    steps.map((step) => ({ name: `Step ${String(step['id'])}`, ...step }) as unknown as FlowStep);
  const script = [{ toolCalls: [{ tool: 'note', args: { of: 'agent' } }] }, { text: 'thought of {{input}}' }];
  const note = {
    type: 'http',
    name: 'note',
    afterCrash: 'retry',
    http: { url: `${world.effects.url}/note`, method: 'POST' },
  };
  const steps = named([
    { id: 's1', type: 'set', variable: 'n', value: 4 },
    { id: 's2', type: 'transform', script: 'return n * 2', output: 'n' },
    {
      id: 's3',
      type: 'agent',
      agent: { model: 'script/ten', script, tools: [note] },
      prompt: '{{ n }}',
      output: 'text',
    },
    {
      id: 's4',
      type: 'http',
      request: { url: `${world.effects.url}/pay/{{ n }}`, method: 'POST' },
      output: 'paid',
    },
    {
      id: 's5',
      type: 'tool',
      tool: { type: 'client', name: 'pick' },
      args: { of: '{{ text }}' },
      output: 'picked',
    },
    {
      id: 's6',
      type: 'tool',
      tool: { ...note, name: 'approved', approval: 'always' },
      args: { of: '{{ picked }}' },
    },
    {
      id: 's7',
      type: 'condition',
      condition: 'picked === "red"',
      then: named([{ id: 's8', type: 'wait', delayMs: 100 }]),
      else: named([{ id: 'never', type: 'send', text: 'no' }]),
    },
    { id: 's9', type: 'set', variable: 'x', value: 1, when: 'n > 100' },
    { id: 's10', type: 'send', text: '{{ picked }}: {{ text }}' },
  ]);
  return { flow: { name: 'ten', steps }, input: 'go' };
}

function answerOf(wait: Wait): unknown {
  return wait.kind === 'tool_output' ? { output: 'red' } : approve(wait);
}

/** Starts a flow on a process that dies at the point, and sees it through on the one that lives. */
async function killedAt(point: string): Promise<{ events: RunEvent[]; isKilled: boolean }> {
  const { database, survivor, effects } = world;
  await using doomed = await ServerProcess.start({ ...database.env, FERMATA_CRASH_AT: point });
  const idempotencyKey = randomUUID();
  const body = tenSteps();
  const run = await doomed.api
    .start(body, { idempotencyKey })
    // The answer was lost: who asks again gets the same run, or the first one.
    .catch(() => survivor.api.start(body, { idempotencyKey }));
  await drive(database.sql, doomed, run.id, answerOf).catch(() => undefined);
  const events = await seeThrough(database.sql, survivor, run.id, { effects, answerOf });
  return { events, isKilled: !doomed.isRunning };
}

/** As many at once as two cores bear. */
async function inTurns<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = [...items];
  const work = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) results.push(await act(item));
  };
  await Promise.all(Array.from({ length: 4 }, work));
  return results;
}

const ENDS = [
  ['s1', 4],
  ['s2', 8],
  ['s3', 'thought of 8'],
  ['s4', expect.anything()],
  ['s5', 'red'],
  ['s6', expect.anything()],
  ['s7', true],
  ['s8', null],
  ['s9', 'skipped'],
  ['s10', 'red: thought of 8'],
];

function endsOf(events: readonly RunEvent[]): unknown[] {
  return events.flatMap((event): unknown[] => {
    if (event.type === 'step.completed') return [[event.data.stepId, event.data.output]];
    if (event.type === 'step.skipped') return [[event.data.stepId, 'skipped']];
    return event.type === 'step.failed' ? [[event.data.stepId, event.data.error]] : [];
  });
}

describe('a flow of ten steps', () => {
  // A step is begun by one advance, and ended by another where turns or a call carry it out in between.
  const points = [
    ...Array.from({ length: 13 }, (_, n) => `after-step:${n + 1}`),
    'before-step:4',
    'before-step:9',
  ];

  test('that is killed after any of them goes on without repeating one', async () => {
    const seen = await inTurns(points, killedAt);
    // The time of a step that waits may come in another process.
    expect(seen.filter(({ isKilled }) => isKilled).length).toBeGreaterThanOrEqual(10);
    for (const { events } of seen) {
      expect(endsOf(events)).toEqual(ENDS);
      const attempts = events.flatMap((event) => (event.type === 'step.started' ? [event.data.attempt] : []));
      expect(attempts.every((attempt) => attempt === 1)).toBe(true);
      const runId = events[0]?.runId ?? '';
      expect(world.effects.of(runId).map(({ path }) => path)).toEqual(['/note', '/pay/8', '/note']);
      expect(events.at(-1)).toMatchObject({ type: 'run.succeeded', data: { output: 'red: thought of 8' } });
    }
  }, 300_000);

  test.each(['before-tool-request:2', 'after-tool-request:2'])(
    'asks a person about the request that must not be made twice (%s)',
    async (point) => {
      const { events } = await killedAt(point);
      expect(endsOf(events)).toEqual(ENDS);
      const paid = world.effects.of(events[0]?.runId ?? '').filter(({ path }) => path === '/pay/8');
      // A person has said that it was done, whether it was or not.
      expect(paid).toHaveLength(point.startsWith('after') ? 1 : 0);
      const doubts = events.filter((event) => event.type === 'wait.opened' && event.data.kind === 'in_doubt');
      expect(doubts).toHaveLength(1);
    },
  );
});
