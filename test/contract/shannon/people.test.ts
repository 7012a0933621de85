import type { Tool } from '@fermata/protocol';
import { randomUUID } from 'node:crypto';
import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { names, runOf, ShannonClient, type ShannonReply } from './shannon-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ env: { FERMATA_SHANNON_RATE_LIMITS: 'off' } });
const shannon = (): ShannonClient => ShannonClient.of(world());

const NOTE: Tool = { type: 'builtin', name: 'record_note', approval: 'always' };

interface Approval {
  approval_id: string;
  workflow_id: string;
  tool: string;
  args: unknown;
  reason: string;
  requested_at: string;
}

/** A task that waits for an approval. */
async function asking(): Promise<{ taskId: string; approval: Approval }> {
  const run = await world().script(
    [{ toolCalls: [{ tool: 'record_note', args: { text: 'as asked' } }] }, { text: 'Reported.' }],
    { tools: [NOTE] },
  );
  await world().api.reaches(run.id, 'waiting');
  const taskId = String((await shannon().ok('GET', `/api/v1/tasks/${run.id}`))['task_id']);
  const { approvals } = await shannon().ok<{ approvals: Approval[] }>(
    'GET',
    `/api/v1/tasks/${taskId}/approvals`,
  );
  const [approval] = approvals;
  if (approval === undefined) throw new Error('no approval is listed');
  return { taskId, approval };
}

function decide(body: Record<string, unknown>): Promise<ShannonReply> {
  return shannon().request('POST', '/api/v1/approvals/decision', { body });
}

/** A task whose plan is reviewed, by an agent that the test speaks for. */
async function reviewed(context: Record<string, unknown> = {}): Promise<string> {
  return shannon().submit({
    query: 'research it',
    model_override: 'gated/m',
    context: { force_research: true, require_review: true, ...context },
  });
}

async function propose(plan: string): Promise<void> {
  const call = await world().model.next();
  call.ask({ tool: 'propose_plan', args: { plan } });
}

function review(taskId: string, body: unknown, headers: Record<string, string> = {}): Promise<ShannonReply> {
  return shannon().request('POST', `/api/v1/tasks/${taskId}/review`, { body, headers });
}

describe('approvals', () => {
  verifies(['approval.flow'], async () => {
    const { taskId, approval } = await asking();
    expect(approval).toMatchObject({
      workflow_id: taskId,
      tool: 'record_note',
      args: { text: 'as asked' },
      reason: expect.stringContaining('record_note') as string,
    });
    const requested = (await shannon().until(taskId, 'APPROVAL_REQUESTED')).at(-1)?.data;
    expect(requested).toMatchObject({
      message: `Needs approval: ${approval.reason}`,
      payload: { approval_id: approval.approval_id, tool: 'record_note', args: { text: 'as asked' } },
    });
    const body = { workflow_id: taskId, approval_id: approval.approval_id, approved: true, feedback: 'fine' };
    const sent = await decide(body);
    expect([sent.status, sent.body]).toEqual([
      200,
      {
        status: 'sent',
        success: true,
        message: `Approval ${approval.approval_id} processed successfully`,
        workflow_id: taskId,
        run_id: '',
        approval_id: approval.approval_id,
      },
    ]);
    const frames = await shannon().frames(taskId);
    const decision = frames.find((frame) => frame.event === 'APPROVAL_DECISION')?.data;
    expect(decision).toMatchObject({
      message: 'Approved — continuing',
      payload: { approval_id: approval.approval_id, approved: true, feedback: 'fine' },
    });
    expect((await shannon().ok('GET', `/api/v1/tasks/${taskId}`))['result']).toBe('Reported.');
    expect((await decide(body)).body).toMatchObject({ success: true });
  });

  verifies(['approval.deny'], async () => {
    const { taskId, approval } = await asking();
    await decide({
      workflow_id: taskId,
      approval_id: approval.approval_id,
      approved: false,
      feedback: 'not now',
    });
    const frames = await shannon().frames(taskId);
    expect(frames.find((frame) => frame.event === 'APPROVAL_DECISION')?.data).toMatchObject({
      message: 'Denied — continuing',
      payload: { approved: false, feedback: 'not now' },
    });
    expect(names(frames).slice(-2)).toEqual(['WORKFLOW_COMPLETED', 'done']);
    const [call] = (await world().api.messages(runOf(taskId))).flatMap((message) => message.calls);
    expect(call).toMatchObject({ state: 'denied', error: { message: 'not now' } });
  });

  verifies(['approval.modified'], async () => {
    const edited = await asking();
    await decide({
      workflow_id: edited.taskId,
      approval_id: edited.approval.approval_id,
      approved: true,
      modified_action: '{"text": "as edited"}',
    });
    await world().api.finished(runOf(edited.taskId));
    const calls = (await world().api.messages(runOf(edited.taskId))).flatMap((message) => message.calls);
    expect(calls[0]).toMatchObject({
      editedArgs: { text: 'as edited' },
      output: { recorded: { text: 'as edited' } },
    });

    const told = await asking();
    await decide({
      workflow_id: told.taskId,
      approval_id: told.approval.approval_id,
      approved: true,
      modified_action: 'but be brief',
    });
    await world().api.finished(runOf(told.taskId));
    const messages = await world().api.messages(runOf(told.taskId));
    expect(JSON.stringify(messages)).toContain('but be brief');
  });

  verifies(['approval.refusals'], async () => {
    const { taskId, approval } = await asking();
    const missing = await decide({ workflow_id: taskId });
    expect([missing.status, missing.body]).toEqual([
      400,
      { error: 'workflow_id and approval_id are required' },
    ]);
    const other = await asking();
    for (const body of [
      { workflow_id: taskId, approval_id: 'wait_0' },
      { workflow_id: 'nobody', approval_id: approval.approval_id },
      { workflow_id: taskId, approval_id: other.approval.approval_id },
    ]) {
      const reply = await decide(body);
      expect([reply.status, reply.body]).toEqual([404, { error: 'Workflow or approval not found' }]);
    }
    await decide({ workflow_id: taskId, approval_id: approval.approval_id, approved: true });
    const second = await decide({ workflow_id: taskId, approval_id: approval.approval_id, approved: false });
    expect([second.status, second.body['success']]).toEqual([200, false]);
    expect(second.body['message']).toContain('admin');
    await decide({ workflow_id: other.taskId, approval_id: other.approval.approval_id, approved: false });
  });
});

describe('reviews', () => {
  verifies(['review.flow'], async () => {
    const taskId = await reviewed();
    const state = (): Promise<ShannonReply> => shannon().request('GET', `/api/v1/tasks/${taskId}/review`);
    expect((await state()).body).toMatchObject({ status: 'reviewing', round: 0, current_plan: '' });
    const early = await review(taskId, { action: 'approve' });
    expect([early.status, String(early.body['error']).startsWith('No research plan to approve')]).toEqual([
      400,
      true,
    ]);
    await propose('first plan');
    await world().api.reaches(runOf(taskId), 'waiting');
    const first = await state();
    expect(first.headers.get('etag')).toBe('1');
    expect(first.body).toEqual({
      status: 'reviewing',
      round: 1,
      version: 1,
      current_plan: 'first plan',
      rounds: [{ role: 'assistant', message: 'first plan', timestamp: expect.any(String) as string }],
      query: 'research it',
    });
    const feedback = review(taskId, { action: 'feedback', message: 'shorter' }, { 'if-match': '1' });
    await propose('second plan');
    const revised = await feedback;
    expect([revised.status, revised.headers.get('etag')]).toEqual([200, '2']);
    expect(revised.body).toEqual({
      status: 'reviewing',
      plan: { message: 'second plan', round: 2, version: 2, intent: 'feedback' },
      round: 2,
      version: 2,
      current_plan: 'second plan',
    });
    const approved = await review(taskId, { action: 'approve' }, { 'if-match': '"2"' });
    expect([approved.status, approved.body]).toEqual([
      200,
      { status: 'approved', message: 'Research started' },
    ]);
    expect((await review(taskId, { action: 'approve' })).body).toEqual(approved.body);
    const work = await world().model.next();
    work.say('researched');
    work.end();
    const frames = await shannon().frames(taskId);
    const told = frames.filter((frame) => /PLAN|REVIEW/.test(frame.event));
    expect(told.map((frame) => [frame.event, (frame.data as { message: string }).message])).toEqual([
      ['RESEARCH_PLAN_READY', 'first plan'],
      ['REVIEW_USER_FEEDBACK', 'shorter'],
      ['RESEARCH_PLAN_UPDATED', 'second plan'],
      ['RESEARCH_PLAN_APPROVED', 'Research plan approved'],
    ]);
    expect(told[2]?.data).toMatchObject({ agent_id: 'research-planner', payload: { round: 2, version: 2 } });
    expect((await state()).body).toMatchObject({ status: 'approved', round: 2 });
  });

  verifies(['review.conflicts'], async () => {
    const taskId = await reviewed({ require_review: false, review_plan: 'manual' });
    await propose('the plan');
    await world().api.reaches(runOf(taskId), 'waiting');
    const refused = async (body: unknown, status: number, error: string, headers = {}): Promise<void> => {
      const reply = await review(taskId, body, headers);
      expect([reply.status, reply.body]).toEqual([status, { error }]);
    };
    await refused({ action: 'maybe' }, 400, "action must be 'feedback' or 'approve'");
    await refused({ action: 'feedback' }, 400, 'message is required for feedback');
    await refused(
      { action: 'feedback', message: 'x'.repeat(10_300) },
      400,
      'message exceeds maximum length (10KB)',
    );
    const stale = 'Conflict: plan has been updated. Please review the latest version.';
    await refused({ action: 'approve' }, 409, stale, { 'if-match': '7' });
    await refused({ action: 'approve' }, 400, 'Invalid If-Match', { 'if-match': 'soon' });
    const pending = review(taskId, { action: 'feedback', message: 'more' });
    const revision = await world().model.next();
    await refused({ action: 'approve' }, 409, 'Another feedback request is in progress. Please wait.');
    revision.say('no plan any more');
    revision.end();
    const lost = await pending;
    expect([lost.status, lost.body]).toEqual([502, { error: 'Failed to generate updated plan' }]);
    await refused({ action: 'approve' }, 404, 'Review session not found or expired');

    const approvedTask = await reviewed();
    await propose('another');
    await world().api.reaches(runOf(approvedTask), 'waiting');
    await review(approvedTask, { action: 'approve' });
    const late = await review(approvedTask, { action: 'feedback', message: 'late' });
    expect([late.status, late.body]).toEqual([409, { error: 'Review already approved' }]);
    (await world().model.next()).end();
    const plain = await shannon().submit({ query: 'x', model_override: 'script/echo' });
    const none = await shannon().request('GET', `/api/v1/tasks/${plain}/review`);
    expect([none.status, none.body]).toEqual([404, { error: 'Review session not found or expired' }]);
  });

  verifies(['review.timeout'], async () => {
    const taskId = await reviewed({ review_timeout: 1 });
    await propose('nobody looks');
    const run = await world().api.finished(runOf(taskId));
    expect(run.status).toBe('succeeded');
    expect(await shannon().ok('GET', `/api/v1/tasks/${taskId}`)).toMatchObject({
      status: 'TASK_STATUS_COMPLETED',
      result: 'Review timed out',
    });
    expect((await review(taskId, { action: 'approve' })).status).toBe(404);
  });
});

describe('sessions', () => {
  verifies(['session.history', 'session.turns'], async () => {
    const key = `chat-${randomUUID()}`;
    const say = async (query: string): Promise<string> => {
      const taskId = await shannon().submit({ query, session_id: key, model_override: 'script/echo' });
      await world().api.finished(runOf(taskId));
      return taskId;
    };
    const first = await say('one');
    const second = await say('two');
    const third = await shannon().submit({ query: 'three', session_id: key, model_override: 'gated/m' });
    const call = await world().model.next();
    const spoken = call.messages
      .filter((message) => message.role !== 'system')
      .map((message) => message.content);
    expect(JSON.stringify(spoken)).toBe(JSON.stringify(['one', 'one', 'two', 'two', 'three']));
    call.end();
    await world().api.finished(runOf(third));
    const log = await world().api.events(runOf(third));
    const history = log.filter((event) => event.type === 'message.received');
    expect(history.map((event) => event.data.history)).toEqual([true, true, true, true]);
    expect(names(await shannon().frames(third))).not.toContain('MESSAGE_RECEIVED');

    const told = await shannon().ok<{ session_id: string; tasks: Record<string, unknown>[]; total: number }>(
      'GET',
      `/api/v1/sessions/${key}/history`,
    );
    expect(told.total).toBe(3);
    expect(told.tasks.map((task) => task['workflow_id'])).toEqual([first, second, third]);
    expect(told.tasks[0]).toMatchObject({
      task_id: runOf(first),
      query: 'one',
      result: 'one',
      status: 'COMPLETED',
    });
    const turns = await shannon().ok<{ count: number; turns: Record<string, unknown>[] }>(
      'GET',
      `/api/v1/sessions/${told.session_id}/events?limit=1&offset=1&include_payload=true`,
    );
    expect(turns.count).toBe(3);
    expect(turns.turns).toHaveLength(1);
    expect(turns.turns[0]).toMatchObject({
      turn: 2,
      task_id: second,
      user_query: 'two',
      final_output: 'two',
    });
    const events = turns.turns[0]?.['events'] as { workflow_id: string; payload?: unknown }[];
    expect(events[0]?.workflow_id).toBe(second);
    expect(events.find((event) => event.payload !== undefined)?.payload).toEqual(expect.any(String));
  });

  verifies(['session.views'], async () => {
    const key = `named-${randomUUID()}`;
    const taskId = await shannon().submit({ query: 'hello', session_id: key, model_override: 'script/echo' });
    await world().api.finished(runOf(taskId));
    const session = await shannon().ok('GET', `/api/v1/sessions/${key}`);
    const id = String(session['session_id']);
    expect(session).toMatchObject({
      task_count: 1,
      context: { external_id: key },
      is_research_session: false,
    });
    expect(await shannon().ok('GET', `/api/v1/sessions/${id}`)).toEqual(session);
    const listed = await shannon().ok<{ sessions: Record<string, unknown>[]; total_count: number }>(
      'GET',
      '/api/v1/sessions?limit=100',
    );
    expect(listed.sessions.find((one) => one['session_id'] === id)).toMatchObject({
      task_count: 1,
      successful_tasks: 1,
      failed_tasks: 0,
      success_rate: 1,
      latest_task_query: 'hello',
      latest_task_status: 'COMPLETED',
      is_active: true,
    });
    const patch = (title: unknown): Promise<ShannonReply> =>
      shannon().request('PATCH', `/api/v1/sessions/${key}`, { body: { title } });
    expect((await patch('')).body).toEqual({ error: 'Title cannot be empty' });
    expect((await patch('ü'.repeat(61))).body).toEqual({ error: 'Title must be 60 characters or less' });
    expect((await patch('ü'.repeat(60))).body).toEqual({ session_id: id, title: 'ü'.repeat(60) });
    expect((await shannon().ok('GET', `/api/v1/sessions/${id}`))['context']).toMatchObject({
      title: 'ü'.repeat(60),
    });
    for (let i = 0; i < 2; i++)
      expect((await shannon().request('DELETE', `/api/v1/sessions/${key}`)).status).toBe(204);
    const gone = await shannon().request('GET', `/api/v1/sessions/${id}`);
    expect([gone.status, gone.body]).toEqual([404, { error: 'Session not found' }]);
    // The name may be used again, for a new conversation.
    const again = await shannon().submit({ query: 'anew', session_id: key, model_override: 'gated/m' });
    const call = await world().model.next();
    expect(JSON.stringify(call.messages)).not.toContain('hello');
    call.end();
    await world().api.finished(runOf(again));
  });
});
