import { createHash } from 'node:crypto';
import { canonicalJson, type Wait, type WaitChangedReply } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { waitingRun } from './sample-data.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();

async function waitOf(tool: Body, args: Body): Promise<Wait> {
  const { api } = world();
  const run = await world().script([{ toolCalls: [{ tool: tool['name'], args }] }, { text: 'ok' }], {
    tools: [tool],
  });
  await api.reaches(run.id, 'waiting');
  return only(await api.openWaits(run.id));
}

const path = (wait: Wait): string => `/v1/waits/${wait.id}/answer`;
const CLIENT = { type: 'client', name: 'lookup', inputSchema: { type: 'object', required: ['q'] } };
const ASK = { type: 'builtin', name: 'ask_user' };
const SCHEMA = {
  type: 'object',
  properties: { to: { type: 'array', items: { type: 'string' } }, 'a/b': { type: 'number' } },
  required: ['to'],
};

async function done(wait: Wait): Promise<void> {
  await world().api.reaches(wait.runId, 'succeeded');
}

describe('waits', () => {
  verifies(['wait.get', 'wait.answer-approval'], async () => {
    const { runId, wait } = await waitingRun(world());
    expect(await world().viewer.wait(wait.id)).toEqual(wait);
    const digest = createHash('sha256')
      .update(canonicalJson({ tool: wait.tool ?? '', args: wait.args }))
      .digest('hex');
    expect(wait).toMatchObject({
      runId,
      kind: 'approval',
      state: 'open',
      digest,
      schema: { type: 'object', required: ['text'] },
      resolution: null,
    });
    expect(wait.id).toMatch(/^wait_/);
    const reply = await world().operator.answer(wait.id, { decision: 'approve', digest, reason: 'fine' });
    expect(reply).toMatchObject({
      changed: true,
      run: { id: runId },
      wait: {
        state: 'resolved',
        resolution: {
          outcome: 'approve',
          reason: 'fine',
          digestSeen: digest,
          digest,
          by: { name: 'operator' },
        },
      },
    });
    await done(wait);
  });

  verifies(['wait.answer-output', 'wait.answer-call'], async () => {
    const wait = await waitOf(CLIENT, { q: 1 });
    const reply = await world().operator.answerCall(wait.runId, wait.callId ?? '', {
      output: { found: true },
    });
    expect(reply).toMatchObject({
      changed: true,
      wait: { id: wait.id, resolution: { value: { found: true } } },
    });
    await done(wait);
    const failing = await waitOf(CLIENT, { q: 2 });
    expect((await world().api.answer(failing.id, { error: 'no' })).wait.resolution).toMatchObject({
      outcome: 'error',
      value: 'no',
    });
    await done(failing);
  });

  verifies(['wait.answer-input', 'error.answer-schema'], async () => {
    const wait = await waitOf(ASK, { question: 'To whom?', schema: SCHEMA });
    expect(wait).toMatchObject({ kind: 'input', prompt: 'To whom?', schema: SCHEMA });
    for (const [value, place] of [
      [{ to: ['a', 2] }, 'body.value.to[1]'],
      [{ to: [], 'a/b': 'x' }, 'body.value["a/b"]'],
      ['text', 'body.value'],
      [{}, 'body.value'],
      [null, 'body.value'],
    ] as const) {
      const problem = await world().api.refused('POST', path(wait), { value });
      expect([problem.status, problem.code, problem.errors?.[0]?.path]).toEqual([
        422,
        'invalid_request',
        place,
      ]);
    }
    expect((await world().api.wait(wait.id)).state).toBe('open');
    await world().api.answer(wait.id, { value: { to: ['a'] } });
    await done(wait);
  });

  verifies(['wait.answer-timer'], async () => {
    const wait = await waitOf({ type: 'builtin', name: 'sleep_until' }, { until: '2090-01-01T00:00:00Z' });
    expect(wait).toMatchObject({ kind: 'timer', deadlineAt: '2090-01-01T00:00:00.000Z' });
    expect(await world().api.refused('POST', path(wait), { outcome: 'done' })).toMatchObject({ status: 422 });
    await world().api.answer(wait.id, { outcome: 'fire' });
    await done(wait);
  });

  verifies(['wait.answer-in-doubt'], async () => {
    const { target } = world();
    const tool = { type: 'http', name: 'pay', http: { url: `${target.url}/doubt` } };
    for (const answer of [
      { outcome: 'done', output: 'yes' },
      { outcome: 'skip' },
      { outcome: 'retry' },
    ] as const) {
      const before = target.handler;
      target.handler = (_request, response) => void response.destroy();
      const wait = await waitOf(tool, {});
      target.handler = before;
      expect(wait).toMatchObject({ kind: 'in_doubt', tool: 'pay' });
      expect(await world().api.refused('POST', path(wait), { outcome: 'fire' })).toMatchObject({
        status: 422,
      });
      expect((await world().api.answer(wait.id, answer)).wait.resolution).toMatchObject({
        outcome: answer.outcome,
      });
      await done(wait);
    }
  });

  verifies(['wait.wrong-members'], async () => {
    const wait = await waitOf(CLIENT, { q: 1 });
    for (const [body, place] of [
      [{ decision: 'approve' }, 'body.decision'],
      [{ value: 1 }, 'body.value'],
      [{ outcome: 'fire' }, 'body.outcome'],
      [{ output: 1, error: 'x' }, 'body.error'],
      [{ output: 1, remember: 'run' }, 'body.remember'],
      [{}, 'body.output'],
    ] as const) {
      const problem = await world().api.refused('POST', path(wait), body);
      expect([problem.code, problem.errors?.[0]?.path]).toEqual(['invalid_request', place]);
    }
    await world().api.command(wait.runId, 'cancel');
  });

  verifies(['wait.snooze', 'wait.assign'], async () => {
    const { runId, wait } = await waitingRun(world());
    const snoozed = await world().operator.call<WaitChangedReply>('POST', `/v1/waits/${wait.id}/snooze`, {
      until: '2090-01-01T01:00:00+01:00',
    });
    expect(snoozed).toMatchObject({
      changed: true,
      wait: { snoozedUntil: '2090-01-01T00:00:00.000Z', state: 'open' },
    });
    const assigned = await world().operator.call<WaitChangedReply>('POST', `/v1/waits/${wait.id}/assign`, {
      assignee: 'team',
    });
    expect(assigned).toMatchObject({ changed: true, wait: { assignee: 'team' } });
    const again = await world().operator.call<WaitChangedReply>('POST', `/v1/waits/${wait.id}/assign`, {
      assignee: 'team',
    });
    expect(again.changed).toBe(false);
    const cleared = await world().operator.call<WaitChangedReply>('POST', `/v1/waits/${wait.id}/assign`, {
      assignee: null,
    });
    expect(cleared.wait.assignee).toBeNull();
    await world().api.command(runId, 'cancel');
  });

  verifies(['error.wait_closed'], async () => {
    const { wait } = await waitingRun(world());
    const answer = { decision: 'deny', digest: wait.digest ?? '', reason: 'no' } as const;
    const first = await world().operator.answer(wait.id, answer);
    await done(wait);
    expect(await world().operator.answer(wait.id, answer)).toMatchObject({ changed: false });
    const late = await world().api.refused('POST', path(wait), { decision: 'approve', digest: wait.digest });
    expect(late).toMatchObject({
      status: 409,
      code: 'wait_closed',
      currentStatus: 'succeeded',
      winner: { by: { name: 'operator' }, at: first.wait.resolution?.at, outcome: 'deny' },
    });
    const snooze = await world().api.refused('POST', `/v1/waits/${wait.id}/snooze`, {
      until: '2090-01-01T00:00:00Z',
    });
    expect(snooze).toMatchObject({ code: 'wait_closed', winner: { by: { name: 'operator' } } });
  });

  verifies(['error.digest_required', 'error.digest_mismatch'], async () => {
    const { runId, wait } = await waitingRun(world());
    expect(await world().api.refused('POST', path(wait), { decision: 'approve' })).toMatchObject({
      status: 422,
      code: 'digest_required',
      digest: wait.digest,
    });
    expect(
      await world().api.refused('POST', path(wait), { decision: 'deny', digest: 'wrong' }),
    ).toMatchObject({
      status: 409,
      code: 'digest_mismatch',
      digest: wait.digest,
    });
    await world().api.command(runId, 'cancel');
  });
});
