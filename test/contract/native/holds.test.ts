import type { Run } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const LATER = '2090-01-01T00:00:00.000Z';
const DEFAULTS = ['operator', 'provider', 'budget'];
const OTHERS = ['policy', 'parent', 'night-shift'];
const NOTE = { type: 'builtin', name: 'record_note' };

/** A run that does nothing by itself, under these holds. */
async function heldBy(...holds: string[]): Promise<string> {
  const { id } = await world().api.start({ input: 'x', startAt: LATER });
  for (const hold of holds) await world().api.command(id, 'pause', { hold });
  return id;
}

function names(run: Run): string[] {
  return run.holds.map((hold) => hold.name);
}

async function resume(runId: string, body: Body = {}): Promise<{ left: string[]; status: string }> {
  const { run } = await world().operator.command<{ run: Run }>(runId, 'resume', body);
  return { left: names(run), status: run.status };
}

/** A turn with a call, so that another turn follows. */
const TURN = { toolCalls: [{ tool: 'record_note', args: { text: 'x' } }] };

describe('holds', () => {
  verifies(['holds.default-release'], async () => {
    for (const hold of DEFAULTS) {
      expect(await resume(await heldBy(hold))).toEqual({ left: [], status: 'queued' });
    }
    for (const hold of OTHERS) {
      const id = await heldBy(hold);
      const refused = await world().api.refused('POST', `/v1/runs/${id}/resume`, {});
      expect(refused).toMatchObject({ status: 409, code: 'held', holds: [{ name: hold }] });
      expect(names(await world().api.run(id))).toEqual([hold]);
    }
    expect(await resume(await heldBy(...DEFAULTS, ...OTHERS))).toEqual({ left: OTHERS, status: 'paused' });
  });

  verifies(['holds.named-release'], async () => {
    for (const hold of [...DEFAULTS, ...OTHERS]) {
      const id = await heldBy('operator', ...OTHERS.filter((other) => other !== hold), hold);
      const { left, status } = await resume(id, { hold });
      expect(left).not.toContain(hold);
      expect([hold, left.length, status]).toEqual([hold, hold === 'operator' ? 3 : left.length, 'paused']);
      expect(left).toEqual(expect.arrayContaining(OTHERS.filter((other) => other !== hold)));
    }
    const id = await heldBy('policy');
    const { run, changed } = await world().api.command<{ run: Run; changed: boolean }>(id, 'resume', {
      hold: 'never-placed',
    });
    expect([names(run), changed]).toEqual([['policy'], false]);
  });

  verifies(['holds.set'], async () => {
    const { api } = world();
    const id = await heldBy('operator', 'night-shift');
    expect(await api.command(id, 'pause', { hold: 'night-shift', reason: 'again' })).toMatchObject({
      changed: false,
    });
    expect(await resume(id, { hold: 'operator' })).toEqual({ left: ['night-shift'], status: 'paused' });
    expect(await resume(id, { hold: 'night-shift' })).toEqual({ left: [], status: 'queued' });
    const types = await api.types(id);
    const count = (type: string): number => types.filter((other) => other === type).length;
    expect(['hold.placed', 'hold.released', 'run.paused', 'run.resumed'].map(count)).toEqual([2, 2, 1, 1]);
    for (const [hold, status] of [
      ['operator', 0],
      ['night-shift', 0],
    ] as const) {
      const held = await api.call<{ data: Run[] }>('GET', `/v1/runs?hold=${hold}`);
      expect(held.data.filter((run) => run.id === id)).toHaveLength(status);
    }
    for (const hold of ['', 'Operator', '1st', 'a b', 'x'.repeat(64)]) {
      expect(await api.refused('POST', `/v1/runs/${id}/pause`, { hold })).toMatchObject({ status: 422 });
    }
  });

  verifies(['holds.budget-grant'], async () => {
    const { api } = world();
    const { id } = await world().script([TURN, TURN, TURN, TURN, { text: 'done' }], {
      tools: [NOTE],
      limits: { maxTurns: 1 },
      onLimit: 'pause',
    });
    const held = await api.reaches(id, 'paused');
    expect(only(held.holds)).toMatchObject({ name: 'budget', reason: 'maxTurns (1) is reached' });
    await api.command(id, 'resume');
    const again = await api.reaches(id, 'paused');
    expect([again.usage.turns, again.limits.maxTurns]).toEqual([2, 2]);
    await api.command(id, 'resume', { hold: 'budget', limits: { maxTurns: 4 } });
    const third = await api.reaches(id, 'paused');
    expect([third.usage.turns, third.limits.maxTurns]).toEqual([4, 4]);
    await api.command(id, 'resume', { limits: { maxTurns: null } });
    expect((await api.reaches(id, 'succeeded')).usage.turns).toBe(5);
    const granted = (await api.events(id)).flatMap((event) =>
      event.type === 'hold.released' ? [event.data.granted] : [],
    );
    expect(granted).toEqual([{ maxTurns: 2 }, { maxTurns: 4 }, { maxTurns: null }]);
  });

  verifies(['holds.seal'], async () => {
    const { api } = world();
    const failed = await api.start({ model: 'no/model', input: 'x' });
    await api.reaches(failed.id, 'failed');
    await api.update(failed.id, { sealed: true });
    const attempts: [string, Body][] = [
      ['retry', {}],
      ['messages', { content: 'x', reopen: true }],
    ];
    for (const [verb, body] of attempts) {
      expect(await api.refused('POST', `/v1/runs/${failed.id}/${verb}`, body)).toMatchObject({
        status: 409,
        code: 'sealed',
      });
    }
    const live = await heldBy('operator');
    await api.update(live, { sealed: true });
    expect(await api.refused('POST', `/v1/runs/${live}/messages`, { content: 'x' })).toMatchObject({
      code: 'sealed',
    });
    expect(await resume(live)).toEqual({ left: [], status: 'queued' });
    expect(await api.command(live, 'pause')).toMatchObject({ changed: true });
    await api.update(live, { sealed: false });
    expect(await api.command(live, 'messages', { content: 'x' })).toMatchObject({ changed: true });
  });

  verifies(['holds.retry'], async () => {
    const { api } = world();
    const { id } = await world().script([
      { error: { status: 400, message: 'no', times: 1 } },
      { text: 'ok' },
    ]);
    await api.reaches(id, 'failed');
    expect(await api.command(id, 'retry', { reason: 'once more' })).toMatchObject({ changed: true });
    await api.reaches(id, 'succeeded');
    expect(await api.refused('POST', `/v1/runs/${id}/retry`, {})).toMatchObject({
      code: 'invalid_transition',
      currentStatus: 'succeeded',
    });
    const held = await heldBy('operator');
    expect(await api.refused('POST', `/v1/runs/${held}/retry`, {})).toMatchObject({
      code: 'invalid_transition',
      currentStatus: 'paused',
    });
  });
});
