import type { Run, RunEvent } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';

const world = sharedWorld();

const TOOLS = [
  { type: 'client', name: 'choose' },
  { type: 'client', name: 'confirm', approval: 'always' },
];
const TURNS = [
  { text: 'first', toolCalls: [{ tool: 'choose', args: { of: 'colour' } }] },
  { text: 'second', toolCalls: [{ tool: 'confirm', args: { n: 1 } }] },
  { text: 'third' },
];

async function next(runId: string): Promise<{ id: string; kind: string; digest: string }> {
  const { api } = world();
  await api.reaches(runId, 'waiting');
  const wait = only(await api.openWaits(runId));
  return { id: wait.id, kind: wait.kind, digest: wait.digest ?? '' };
}

/** Answers everything until the run has ended: the choice with `choice`, the approval with yes. */
async function playOut(runId: string, choice: string): Promise<Run> {
  const { api } = world();
  for (;;) {
    const run = await api.parked(runId);
    if (run.status !== 'waiting') return run;
    const wait = only(await api.openWaits(runId));
    if (wait.kind === 'approval')
      await api.answer(wait.id, { decision: 'approve', digest: wait.digest ?? '' });
    else await api.answer(wait.id, { output: wait.tool === 'choose' ? choice : 'confirmed' });
  }
}

async function finishedRun(): Promise<Run> {
  const run = await world().script(TURNS, { tools: TOOLS, metadata: { mine: true }, title: 'Original' });
  return playOut(run.id, 'red');
}

/** Without what belongs to one run alone. */
function plain(events: readonly RunEvent[]): string {
  return JSON.stringify(events.map(({ seq, type, data }) => ({ seq, type, data })));
}

async function snapshot(runId: string): Promise<string> {
  const { api } = world();
  const run = await api.run(runId);
  return JSON.stringify([run, await api.events(runId), await api.messages(runId)]);
}

describe('a fork', () => {
  it('from every checkpoint goes on by itself with another answer, and leaves the original as it was', async () => {
    const { api } = world();
    const original = await finishedRun();
    expect(original).toMatchObject({ status: 'succeeded', output: 'third' });
    const before = await snapshot(original.id);
    const log = await api.events(original.id);
    const labels = [1, 2, 3].flatMap((turn) => [`turn-${turn}/before-model`, `turn-${turn}/before-tools`]);
    for (const at of labels) {
      const fork = await api.fork(original.id, { at });
      const through = fork.forkedFrom?.seq ?? 0;
      expect(fork).toMatchObject({ forkedFrom: { runId: original.id }, key: null, metadata: { mine: true } });
      const copied = (await api.events(fork.id)).filter((event) => event.seq > 1 && event.seq <= through);
      expect(plain(copied)).toBe(plain(log.filter((event) => event.seq > 1 && event.seq <= through)));
      const ended = await playOut(fork.id, `blue at ${at}`);
      expect(ended).toMatchObject({ status: 'succeeded', output: 'third' });
      const chosen = (await api.messages(fork.id)).flatMap((message) => message.calls)[0]?.output;
      expect(chosen).toBe(at.startsWith('turn-1') ? `blue at ${at}` : 'red');
    }
    expect(await snapshot(original.id)).toBe(before);
  });

  it('from every seq of the log can be started and played out', async () => {
    const { api } = world();
    const original = await finishedRun();
    const before = await snapshot(original.id);
    for (let at = 1; at <= original.head; at++) {
      const fork = await api.fork(original.id, { at });
      expect((await playOut(fork.id, 'green')).status).toBe('succeeded');
      const seqs = (await api.events(fork.id)).map((event) => event.seq);
      expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    }
    expect(await snapshot(original.id)).toBe(before);
  });

  it('may answer its waits at once, by the original’s ids, without answering the original', async () => {
    const { api } = world();
    const run = await world().script(TURNS, { tools: TOOLS });
    const wait = await next(run.id);
    const fork = await api.fork(run.id, {
      answers: [{ waitId: wait.id, output: 'blue' }],
      reason: 'what if',
    });
    expect((await playOut(fork.id, 'never asked')).status).toBe('succeeded');
    expect(await api.run(run.id)).toMatchObject({ status: 'waiting', openWaits: [{ id: wait.id }] });
    const chosen = (await api.messages(fork.id)).flatMap((message) => message.calls)[0]?.output;
    expect(chosen).toBe('blue');
    const forkWaits = await api.call<{ data: { id: string }[] }>(
      'GET',
      `/v1/waits?run=${fork.id}&state=resolved`,
    );
    expect(forkWaits.data.map((one) => one.id)).not.toContain(wait.id);
    expect(await playOut(run.id, 'red')).toMatchObject({ status: 'succeeded' });
  });

  it('has waits of its own: an answer to one run never reaches the other', async () => {
    const { api } = world();
    const run = await world().script(TURNS, { tools: TOOLS });
    const wait = await next(run.id);
    const fork = await api.fork(run.id, {});
    const own = await next(fork.id);
    expect(own.id).not.toBe(wait.id);
    await api.answer(own.id, { output: 'mine' });
    expect(await api.wait(wait.id)).toMatchObject({ state: 'open' });
    await api.command(run.id, 'cancel');
    await playOut(fork.id, '-');
  });

  it('of a run that has not begun, of a paused, a failed and a cancelled one works too', async () => {
    const { api } = world();
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const queued = await api.start({ input: 'x', startAt: later });
    expect((await playOut((await api.fork(queued.id, {})).id, '-')).status).toBe('succeeded');
    await api.command(queued.id, 'cancel');
    expect((await playOut((await api.fork(queued.id, {})).id, '-')).status).toBe('succeeded');

    const paused = await world().script(TURNS, { tools: TOOLS });
    await next(paused.id);
    await api.command(paused.id, 'pause', { hold: 'mine' });
    expect(await playOut((await api.fork(paused.id, {})).id, '-')).toMatchObject({
      status: 'succeeded',
      holds: [],
    });
    await api.command(paused.id, 'cancel');

    const failed = await world().script([{ error: { status: 400 } }]);
    await api.reaches(failed.id, 'failed');
    const agent = { model: 'script/echo', script: [] };
    const fork = await api.fork(failed.id, { agent });
    expect(await playOut(fork.id, '-')).toMatchObject({ status: 'succeeded', output: 'go' });
    expect(await api.run(failed.id)).toMatchObject({ status: 'failed' });
  });

  it('may be given another agent and further messages', async () => {
    const { api } = world();
    const original = await finishedRun();
    const body: Body = {
      at: 'turn-2/before-model',
      agent: { model: 'script/echo', script: [], tools: [] },
      messages: [{ content: 'say this' }],
    };
    const fork = await api.fork(original.id, body);
    expect(await playOut(fork.id, '-')).toMatchObject({
      output: 'say this',
      agent: { model: 'script/echo' },
    });
  });

  it('while the model speaks starts the turn anew in the copy', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'go' });
    const call = await model.next();
    call.say('half');
    await api.event(run.id, 'message.delta');
    const fork = await api.fork(run.id, {});
    const own = await model.next();
    own.say('of the fork');
    own.end();
    expect(await api.reaches(fork.id, 'succeeded')).toMatchObject({ output: 'of the fork' });
    call.say(' way');
    call.end();
    expect(await api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'half way' });
  });

  it('from where there is no checkpoint is refused', async () => {
    const { api } = world();
    const run = await finishedRun();
    for (const at of [run.head + 1, 'turn-9/before-model', 'nonsense', 0, -1, 1.5]) {
      expect(await api.refused('POST', `/v1/runs/${run.id}/fork`, { at })).toMatchObject({ status: 422 });
    }
  });
});
