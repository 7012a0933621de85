import { randomUUID } from 'node:crypto';
import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import type { ModelCall } from '../../world/gated-model.ts';
import { names, runOf, ShannonClient } from './shannon-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ env: { FERMATA_SHANNON_RATE_LIMITS: 'off' } });
const shannon = (): ShannonClient => ShannonClient.of(world());

/** A task whose model has been called and says nothing yet. */
async function running(): Promise<{ taskId: string; call: ModelCall }> {
  const taskId = await shannon().submit({ query: 'work', model_override: 'gated/m' });
  return { taskId, call: await world().model.next() };
}

async function paused(): Promise<string> {
  const { taskId, call } = await running();
  expect((await shannon().control(taskId, 'pause', { reason: 'lunch' })).status).toBe(202);
  call.say('half');
  call.end();
  await world().api.reaches(runOf(taskId), 'paused');
  return taskId;
}

function state(taskId: string): Promise<Record<string, unknown>> {
  return shannon().ok('GET', `/api/v1/tasks/${taskId}/control-state`);
}

describe('pause, resume and cancel', () => {
  verifies(['control.order'], async () => {
    const { taskId, call } = await running();
    call.say('a');
    const pause = await shannon().control(taskId, 'pause', { reason: 'lunch' });
    expect([pause.status, pause.body]).toEqual([
      202,
      { success: true, message: 'Pause signal sent', task_id: taskId },
    ]);
    // While the step in flight goes on, the task is told as paused, and has not stopped.
    expect(await state(taskId)).toEqual({
      is_paused: true,
      is_cancelled: false,
      paused_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
      pause_reason: 'lunch',
      paused_by: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      cancel_reason: '',
      cancelled_by: '',
    });
    expect((await shannon().ok('GET', `/api/v1/tasks/${taskId}`))['status']).toBe('TASK_STATUS_PAUSED');
    call.end();
    await world().api.reaches(runOf(taskId), 'paused');
    const listed = await shannon().ok<{ tasks: { task_id: string }[] }>('GET', '/api/v1/tasks?status=PAUSED');
    expect(listed.tasks.map((task) => task.task_id)).toContain(taskId);

    const resume = await shannon().control(taskId, 'resume', { reason: 'back' });
    expect([resume.status, resume.body]).toEqual([
      202,
      { success: true, message: 'Resume signal sent', task_id: taskId },
    ]);
    const log = await world().api.types(runOf(taskId));
    expect(log, 'it is in the log before the reply').toContain('run.resumed');
    const frames = await shannon().frames(taskId, {
      types: 'workflow.pausing,WORKFLOW_PAUSED,workflow.resumed',
    });
    expect(frames.map((frame) => [frame.event, frame.data])).toEqual([
      ['workflow.pausing', { workflow_id: taskId, agent_id: 'orchestrator', message: 'Pausing: lunch' }],
      [
        'workflow.paused',
        {
          workflow_id: taskId,
          agent_id: 'orchestrator',
          message: 'Paused',
          checkpoint: expect.any(String) as string,
        },
      ],
      ['workflow.resumed', { workflow_id: taskId, agent_id: 'orchestrator', message: 'Resuming: back' }],
    ]);
    expect(await state(taskId)).toMatchObject({
      is_paused: false,
      paused_at: '',
      pause_reason: '',
      paused_by: '',
    });
  });

  verifies(['control.early-resume'], async () => {
    const { taskId, call } = await running();
    await shannon().control(taskId, 'pause');
    expect((await shannon().control(taskId, 'resume')).status).toBe(202);
    call.say('done');
    call.end();
    const frames = names(await shannon().frames(taskId));
    expect(frames).toContain('workflow.pausing');
    expect(frames.indexOf('workflow.resumed')).toBe(frames.indexOf('workflow.pausing') + 1);
    expect(frames).not.toContain('workflow.paused');
  });

  verifies(['control.conflicts'], async () => {
    const refused = async (taskId: string, verb: string, body: unknown): Promise<void> => {
      const reply = await shannon().control(taskId, verb, {});
      expect([reply.status, reply.body], verb).toEqual([409, body]);
    };
    const { taskId, call } = await running();
    await refused(taskId, 'resume', { error: 'task is not paused' });
    await shannon().control(taskId, 'pause');
    await refused(taskId, 'pause', { error: 'task is already paused' });
    call.end();
    await world().api.reaches(runOf(taskId), 'paused');
    await refused(taskId, 'pause', { error: 'task is already paused' });
    await shannon().control(taskId, 'resume');
    await world().api.finished(runOf(taskId));

    const ended: Record<string, string> = { completed: taskId };
    ended['failed'] = await shannon().submit({ query: 'x', model_override: 'no/such-model' });
    ended['cancelled'] = await shannon().submit({ query: 'x', model_override: 'script/slow' });
    await shannon().control(ended['cancelled'], 'cancel');
    ended['timed out'] = await shannon().submit({ query: 'x', model_override: 'script/slow' });
    await world().api.command(runOf(ended['timed out']), 'report', {
      status: 'failed',
      error: { code: 'timed_out', message: 'too late' },
    });
    const status = {
      completed: 'COMPLETED',
      failed: 'FAILED',
      cancelled: 'CANCELLED',
      'timed out': 'TIMEOUT',
    };
    for (const [word, plain] of Object.entries(status)) {
      const id = ended[word] ?? '';
      await world().api.finished(runOf(id));
      await refused(id, 'pause', { error: `cannot pause ${word} task` });
      await refused(id, 'resume', { error: `cannot resume ${word} task` });
      await refused(id, 'cancel', {
        success: false,
        message: `Task is already in terminal state: ${plain}`,
        status: plain,
      });
      expect((await shannon().ok('GET', `/api/v1/tasks/${id}`))['status']).toBe(`TASK_STATUS_${plain}`);
    }
  });

  verifies(['control.bodies'], async () => {
    for (const raw of ['{', '[]', 'null', '{"reason": 5}', '']) {
      const taskId = await shannon().submit({ query: 'x', model_override: 'script/slow' });
      const reply = await shannon().request('POST', `/api/v1/tasks/${taskId}/pause`, {
        raw,
        headers: { 'content-type': 'text/plain' },
      });
      expect(reply.status, raw).toBe(202);
      expect(await state(taskId)).toMatchObject({ is_paused: true, pause_reason: '' });
      expect((await shannon().control(taskId, 'cancel')).status).toBe(202);
    }
  });

  verifies(['control.cancel'], async () => {
    const taskId = await paused();
    const reply = await shannon().control(taskId, 'cancel', { reason: 'enough' });
    expect([reply.status, reply.body]).toEqual([
      202,
      { success: true, message: 'Task cancelled successfully' },
    ]);
    const frames = await shannon().frames(taskId);
    expect(names(frames).slice(-3)).toEqual(['workflow.cancelling', 'workflow.cancelled', 'done']);
    expect(names(frames)).not.toContain('workflow.resumed');
    expect(frames.at(-3)?.data).toMatchObject({ message: 'Cancelling: enough' });
    expect(frames.at(-2)?.data).toEqual({
      workflow_id: taskId,
      agent_id: 'orchestrator',
      message: 'Cancelled: enough',
      checkpoint: expect.any(String) as string,
      was_paused: true,
    });
    expect(await state(taskId)).toMatchObject({
      is_paused: false,
      is_cancelled: true,
      cancel_reason: 'enough',
      cancelled_by: expect.any(String) as string,
    });
  });

  verifies(['control.held'], async () => {
    const taskId = await shannon().submit({ query: 'x', model_override: 'script/slow' });
    await world().api.command(runOf(taskId), 'pause', { hold: 'review', reason: 'mine' });
    const reply = await shannon().control(taskId, 'resume');
    expect([reply.status, reply.body]).toEqual([403, { error: 'Forbidden' }]);
    await shannon().control(taskId, 'cancel');
  });

  verifies(['control.idempotency'], async () => {
    const { taskId, call } = await running();
    const headers = { 'idempotency-key': randomUUID() };
    const pause = (): ReturnType<ShannonClient['request']> =>
      shannon().request('POST', `/api/v1/tasks/${taskId}/pause`, { body: {}, headers });
    expect((await pause()).status).toBe(202);
    await shannon().control(taskId, 'resume');
    const replayed = await pause();
    expect(replayed.status).toBe(202);
    expect(replayed.headers.get('x-idempotency-cached')).toBe('true');
    expect(await state(taskId)).toMatchObject({ is_paused: false });
    // What was refused is not kept.
    const late = { 'idempotency-key': randomUUID() };
    const resume = (): ReturnType<ShannonClient['request']> =>
      shannon().request('POST', `/api/v1/tasks/${taskId}/resume`, { body: {}, headers: late });
    expect((await resume()).status).toBe(409);
    await shannon().control(taskId, 'pause');
    expect((await resume()).status).toBe(202);
    call.end();
    await world().api.finished(runOf(taskId));
  });

  verifies(['control.waiting'], async () => {
    const taskId = await shannon().submit({ query: 'x', model_override: 'script/approval' });
    await world().api.reaches(runOf(taskId), 'waiting');
    expect((await shannon().ok('GET', `/api/v1/tasks/${taskId}`))['status']).toBe('TASK_STATUS_RUNNING');
    const reply = await shannon().control(taskId, 'resume');
    expect([reply.status, reply.body]).toEqual([409, { error: 'task is not paused' }]);
    await shannon().control(taskId, 'pause');
    expect((await shannon().control(taskId, 'resume')).status).toBe(202);
    await shannon().control(taskId, 'cancel');
  });

  verifies(['cross.faces', 'message.send'], async () => {
    const taskId = await paused();
    await world().api.command(runOf(taskId), 'resume', { reason: 'from the native side' });
    const frames = await shannon().until(taskId, 'workflow.resumed');
    expect(frames.at(-1)?.data).toMatchObject({ message: 'Resuming: from the native side' });

    const native = await world().api.start({ input: 'native work', model: 'gated/m' });
    const call = await world().model.next();
    const nativeTask = await shannon().ok('GET', `/api/v1/tasks/${native.id}`);
    expect(nativeTask).toMatchObject({ query: 'native work', status: 'TASK_STATUS_RUNNING' });
    expect((await shannon().control(native.id, 'pause', { reason: 'here' })).status).toBe(202);
    expect((await world().api.run(native.id)).holds[0]).toMatchObject({ name: 'operator', reason: 'here' });
    await shannon().control(native.id, 'resume');
    const sent = await shannon().request('POST', `/api/v1/swarm/${native.id}/message`, {
      body: { message: 'and this' },
    });
    expect(sent.body).toEqual({ success: true, status: 'sent' });
    call.say('first');
    call.end();
    const second = await world().model.next();
    expect(JSON.stringify(second.messages.at(-1))).toContain('and this');
    second.end();
    await world().api.finished(native.id);
    const unknown = await shannon().request('POST', '/api/v1/swarm/nobody/message', {
      body: { message: 'x' },
    });
    expect([unknown.status, unknown.body]).toEqual([404, { error: 'Workflow not found' }]);
  });
});
