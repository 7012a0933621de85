import type { Json, Run } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { eventually } from '../../world/eventually.ts';
import { says, startFlow, step, stepEnds } from '../../world/flow-runs.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { answerJson } from '../../world/tool-target.ts';

const world = sharedWorld();

const start = (steps: Body[], more: Body = {}): Promise<Run> => startFlow(world().api, steps, more);
const ends = (runId: string): Promise<[string, Json | null][]> => stepEnds(world().api, runId);

describe('a flow that is interrupted', () => {
  const gatedSteps = (url: string): Body[] => [
    step('http', 'one', { request: { url, method: 'GET' }, output: 'one' }),
    step('agent', 'two', { agent: says('second'), output: 'two' }),
    step('tool', 'three', {
      tool: { type: 'client', name: 'confirm' },
      args: { of: '{{ two }}' },
      output: 'three',
    }),
    step('send', 'four', { text: '{{ two }}, {{ three }}' }),
  ];

  it('is paused in a step, stands before the next, and goes on with it', async () => {
    const { api, target } = world();
    let release = (): void => undefined;
    target.handler = (_request, response) => {
      release = () => answerJson(response, { n: 1 });
    };
    const run = await start(gatedSteps(`${target.url}/gate`));
    await api.event(run.id, 'tool.started');
    await eventually(() => target.seen.some(({ key }) => key.startsWith(run.id)), { what: 'the request' });
    await api.command(run.id, 'pause');
    expect(await api.run(run.id)).toMatchObject({ status: 'pausing' });
    release();
    expect(await api.reaches(run.id, 'paused')).toMatchObject({
      checkpoint: { label: expect.any(String) as string },
    });
    expect(await ends(run.id)).toEqual([]);
    const asked = await api.call<{ preview: Body }>('POST', `/v1/runs/${run.id}/resume?dryRun=true`, {});
    expect(asked.preview).toMatchObject({ next: 'step', calls: [] });
    target.handler = (_request, response) => answerJson(response, { ok: true });
    await api.command(run.id, 'resume');
    const waiting = await api.reaches(run.id, 'waiting');
    expect(await ends(run.id)).toEqual([
      ['one', { n: 1 }],
      ['two', 'second'],
    ]);
    await api.command(waiting.id, 'pause');
    expect(await api.run(run.id)).toMatchObject({ status: 'paused' });
    const wait = only(await api.openWaits(run.id));
    await api.answer(wait.id, { output: 'yes' });
    expect(await api.run(run.id)).toMatchObject({ status: 'paused' });
    await api.command(run.id, 'resume');
    expect(await api.finished(run.id)).toMatchObject({ status: 'succeeded', output: 'second, yes' });
  });

  it('is forked before any of its steps, and the fork goes on by itself', async () => {
    const { api, target } = world();
    const steps = gatedSteps(`${target.url}/fork`);
    const run = await start(steps);
    await api.reaches(run.id, 'waiting');
    await api.answer(only(await api.openWaits(run.id)).id, { output: 'yes' });
    expect(await api.finished(run.id)).toMatchObject({ output: 'second, yes' });
    for (const [index, { id }] of steps.entries()) {
      const fork = await api.fork(run.id, { at: `step-${String(id)}/before` });
      const parked = await api.parked(fork.id);
      if (index < 3) {
        expect(parked.status).toBe('waiting');
        await api.answer(only(await api.openWaits(fork.id)).id, { output: 'another' });
      }
      const said = index < 3 ? 'another' : 'yes';
      expect(await api.finished(fork.id)).toMatchObject({ status: 'succeeded', output: `second, ${said}` });
    }
    const requests = target.seen.filter(({ path }) => path === '/fork');
    // The original's, and that of the fork from before it.
    expect(requests).toHaveLength(2);
    expect(await api.finished(run.id)).toMatchObject({ output: 'second, yes' });
  });

  it('is forked in the middle of a commit, and of a step, and goes on all the same', async () => {
    const { api, target } = world();
    const run = await start(gatedSteps(`${target.url}/everywhere`));
    await api.reaches(run.id, 'waiting');
    await api.answer(only(await api.openWaits(run.id)).id, { output: 'yes' });
    await api.finished(run.id);
    const { head } = await api.run(run.id);
    for (let at = 1; at < head; at += 1) {
      const fork = await api.fork(run.id, { at });
      for (;;) {
        const parked = await api.parked(fork.id);
        if (parked.status !== 'waiting') break;
        const wait = only(await api.openWaits(fork.id));
        await api.answer(wait.id, wait.kind === 'in_doubt' ? { outcome: 'retry' } : { output: 'yes' });
      }
      expect([at, await api.run(fork.id)]).toMatchObject([
        at,
        { status: 'succeeded', output: 'second, yes' },
      ]);
    }
  });

  it('is cancelled in a step, and nothing of it is begun any more', async () => {
    const { api, target } = world();
    const run = await start(gatedSteps(`${target.url}/cancel`));
    await api.reaches(run.id, 'waiting');
    await api.command(run.id, 'cancel', { reason: 'enough' });
    expect(await api.run(run.id)).toMatchObject({ status: 'cancelled' });
    expect((await ends(run.id)).map(([id]) => id)).toEqual(['one', 'two']);
  });

  it('by a limit is held, and goes on when it is raised', async () => {
    const { api } = world();
    const run = await start(
      [step('agent', 'a', { agent: says('one') }), step('agent', 'b', { agent: says('two') })],
      { limits: { maxTurns: 1 }, onLimit: 'pause' },
    );
    expect(await api.reaches(run.id, 'paused')).toMatchObject({ holds: [{ name: 'budget' }] });
    expect(await ends(run.id)).toEqual([['a', 'one']]);
    await api.command(run.id, 'resume', { limits: { maxTurns: 5 } });
    expect(await api.finished(run.id)).toMatchObject({ status: 'succeeded', output: 'two' });
  });

  it('takes a message to the agent’s step that comes next', async () => {
    const { api } = world();
    const run = await start([
      step('tool', 'ask', { tool: { type: 'client', name: 'confirm' } }),
      step('agent', 'a', { agent: says('{{input}}'), prompt: 'Go' }),
    ]);
    await api.reaches(run.id, 'waiting');
    await api.command(run.id, 'messages', { content: 'one more thing', onWaiting: 'queue' });
    await api.answer(only(await api.openWaits(run.id)).id, { output: 'yes' });
    expect(await api.finished(run.id)).toMatchObject({ status: 'succeeded', output: 'one more thing' });
  });
});

describe('a preview of a flow', () => {
  it('tells what its step would do, and that the next follows', async () => {
    const { api, target } = world();
    const run = await start([
      step('tool', 'pay', {
        tool: {
          type: 'http',
          name: 'pay',
          approval: 'always',
          http: { url: `${target.url}/preview`, method: 'POST' },
        },
        args: { n: 1 },
      }),
      step('send', 'end', { text: 'paid' }),
    ]);
    await api.reaches(run.id, 'waiting');
    await api.command(run.id, 'pause');
    const wait = only(await api.openWaits(run.id));
    const answers = [{ waitId: wait.id, decision: 'approve', digest: wait.digest }];
    const { preview } = await api.call<{ preview: Body }>('POST', `/v1/runs/${run.id}/resume?dryRun=true`, {
      answers,
    });
    expect(preview).toMatchObject({ next: 'calls', calls: [{ tool: 'pay', outcome: 'request' }] });
    const between = await start([step('send', 'a', { text: 'x' })], { startAt: '2099-01-01T00:00:00Z' });
    await api.command(between.id, 'pause');
    const later = await api.call<{ preview: Body }>('POST', `/v1/runs/${between.id}/resume?dryRun=true`, {});
    expect(later.preview).toMatchObject({ next: 'later' });
    await api.command(run.id, 'cancel');
    await api.command(between.id, 'cancel');
  });
});
