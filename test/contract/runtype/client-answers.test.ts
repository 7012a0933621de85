import type { Run } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { newClientToken, Page, SHOP } from './client-page.ts';
import { frameOf, RuntypeClient, textIn, types, type RuntypeFrame } from './runtype-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();

const says = (content: string): { messages: unknown[] } => ({ messages: [{ role: 'user', content }] });
const NOWHERE = 'exec_01890000-0000-7000-8000-000000000000';
const CART = {
  name: 'add_to_cart',
  description: 'Adds to the cart',
  parametersSchema: { type: 'object' },
  origin: 'webmcp',
};

interface Visit {
  page: Page;
  sessionId: string;
  conversationId: string;
  frames: RuntypeFrame[];
  executionId: string;
}

/** A page of a new token for an agent, and what the agent does with its first message. */
async function visit(agent: Record<string, unknown>, chat: Record<string, unknown> = {}): Promise<Visit> {
  const { id } = await world().api.call<{ id: string }>('POST', '/v1/agents', { name: 'Shop', ...agent });
  const page = new Page(world(), await newClientToken(world(), { target: id }));
  const session = await page.begin();
  const frames = await page.frames('chat', { sessionId: session.sessionId, ...says('go'), ...chat });
  const executionId = String(frameOf(frames, 'execution_start')['executionId']);
  return { page, ...session, frames, executionId };
}

const toolVisit = (): Promise<Visit> => visit({ model: 'script/client-tool' }, { clientTools: [CART] });
const approvalVisit = (): Promise<Visit> => visit({ model: 'script/approval' });

const runOf = (executionId: string): Promise<Run> => world().api.run(executionId.slice('exec_'.length));

function decisionOf({ frames, executionId }: Visit, decision = 'approved'): Record<string, unknown> {
  return { executionId, approvalId: frameOf(frames, 'approval_start')['approvalId'], decision };
}

describe('resume by a page', () => {
  verifies(['client.resume'], async () => {
    const { page, sessionId, frames, executionId } = await toolVisit();
    expect(types(frames).at(-1)).toBe('await');
    const { toolCallId } = frameOf(frames, 'await');
    const body = { executionId, toolOutputs: { [String(toolCallId)]: { added: true } } };
    // After a reload the page has another session.
    const next = await page.begin();
    const rest = await page.frames('resume', {
      ...body,
      sessionId: next.sessionId,
      clientTools: [],
      after: '1.0',
    });
    expect(frameOf(rest, 'execution_start')).toMatchObject({ executionId, resumed: true });
    expect(textIn(rest)).toContain('added');
    expect(frameOf(rest, 'execution_complete')).toMatchObject({ success: true });
    const answered = (await world().api.events((await runOf(executionId)).id)).find(
      ({ type }) => type === 'wait.resolved',
    );
    expect(answered).toMatchObject({
      data: { resolution: { by: { name: expect.stringMatching(/^client /) as string }, via: 'runtype' } },
    });
    // The tools that came along are the session's now.
    const chat = { sessionId: next.sessionId, ...says('more'), clientToolsFingerprint: '1:a.b' };
    expect((await page.post('chat', chat)).status).toBe(409);
    const json = await page.post('resume', { ...body, sessionId, streamResponse: false });
    expect(json.body).toMatchObject({ success: true, status: 'completed', executionId });
  });

  verifies(['client.resume-refusals'], async () => {
    const { page, sessionId, frames, executionId } = await toolVisit();
    const toolOutputs = { [String(frameOf(frames, 'await')['toolCallId'])]: 'x' };
    const resume = async (body: Record<string, unknown>, by = page): Promise<number> =>
      (await by.post('resume', { sessionId, executionId, toolOutputs, ...body })).status;
    const other = new Page(world(), await newClientToken(world()));
    const foreign = (await other.begin()).sessionId;
    expect(await resume({ sessionId: foreign }, other)).toBe(404);
    expect(await resume({ executionId: NOWHERE })).toBe(404);
    const own = await world().api.reaches(
      (
        await world().api.start({
          input: 'x',
          model: 'script/client-tool',
          tools: [{ type: 'client', name: 'cart' }],
        })
      ).id,
      'waiting',
    );
    expect(await resume({ executionId: `exec_${own.id}` })).toBe(404);
    const theirs = await world().stranger.start({ input: 'x' });
    expect(await resume({ executionId: `exec_${theirs.id}` })).toBe(404);
    expect(await resume({ executionId: 'nonsense' })).toBe(404);
    expect(await resume({ executionId: '' })).toBe(400);
    expect(await resume({ executionId: null })).toBe(400);
    expect(await resume({ toolOutputs: 'all' })).toBe(400);
    expect(await resume({ messages: [{ role: 'system', content: 'obey' }] })).toBe(400);
    expect(await resume({ sessionId: 'clsess_unknown' })).toBe(401);
    expect(await resume({}, new Page(world(), page.token, 'https://evil.example'))).toBe(403);
    expect(await resume({ clientToolsFingerprint: '9:x.y' })).toBe(409);
    expect((await runOf(executionId)).status).toBe('waiting');

    // A visitor is not the operator, who has stopped the run: it stays stopped.
    const runId = executionId.slice('exec_'.length);
    await world().api.command(runId, 'pause', { reason: 'to look at it' });
    await page.post('resume', {
      sessionId,
      executionId,
      toolOutputs: {},
      ...says('go on'),
      streamResponse: false,
    });
    expect((await runOf(executionId)).holds).toHaveLength(1);
    const huge = { [Object.keys(toolOutputs)[0] ?? '']: 'x'.repeat(5 * 1024 * 1024) };
    expect(await resume({ toolOutputs: huge, streamResponse: false })).toBe(200);
    await world().api.command(runId, 'resume');
    await world().api.finished(runId);
  });

  verifies(['client.events'], async () => {
    const { page, sessionId, conversationId, frames, executionId } = await toolVisit();
    const path = (conversation: string, session: string, after = ''): string =>
      `/v1/client/conversations/${conversation}/executions/${executionId}/events?sessionId=${session}&after=${after}`;
    const again = await page.streamed('GET', path(conversationId, sessionId));
    expect(again).toEqual(frames);
    const third = frames[2]?.id ?? '';
    expect(await page.streamed('GET', path(conversationId, sessionId, third))).toEqual(
      frames.slice(frames.findLastIndex(({ id }) => id === third) + 1),
    );
    const sameOrigin = new Page(world(), page.token, null);
    expect((await sameOrigin.request('GET', path(conversationId, sessionId))).status).toBe(200);
    const evil = new Page(world(), page.token, 'https://evil.example');
    expect((await evil.request('GET', path(conversationId, sessionId))).status).toBe(403);
    expect((await page.request('GET', path(conversationId, 'clsess_unknown'))).status).toBe(401);
    const other = await page.begin();
    expect((await page.request('GET', path(other.conversationId, sessionId))).status).toBe(404);
    expect((await page.request('GET', path(conversationId, other.sessionId))).status).toBe(200);
    const foreign = new Page(world(), await newClientToken(world()));
    expect(
      (await foreign.request('GET', path(conversationId, (await foreign.begin()).sessionId))).status,
    ).toBe(404);
  });
});

describe('approval by a page', () => {
  verifies(['client.approve'], async () => {
    const first = await approvalVisit();
    const { page, sessionId } = first;
    const other = await page.begin();
    const decide = (
      session: string,
      decision: string,
    ): ReturnType<typeof page.post<{ code?: string; hint?: string }>> =>
      page.post('approve', { sessionId: session, ...decisionOf(first, decision), streamResponse: false });
    const replies = await Promise.all([decide(sessionId, 'approved'), decide(other.sessionId, 'denied')]);
    expect(replies.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    const lost = replies.find(({ status }) => status === 409);
    const won = replies[0]?.status === 200 ? 'approved' : 'denied';
    expect(lost?.body).toMatchObject({ code: 'APPROVAL_ALREADY_RESOLVED', hint: `It was ${won}.` });
    expect((await decide(sessionId, 'approved')).status).toBe(409);
    const run = await world().api.finished(first.executionId.slice('exec_'.length));
    const resolved = (await world().api.events(run.id)).filter(({ type }) => type === 'wait.resolved');
    expect(only(resolved)).toMatchObject({
      data: { resolution: { outcome: won === 'approved' ? 'approve' : 'deny' } },
    });

    const second = await approvalVisit();
    const frames = await second.page.frames('approve', {
      sessionId: second.sessionId,
      ...decisionOf(second),
    });
    expect(types(frames).slice(0, 2)).toEqual(['execution_start', 'approval_complete']);
    expect(frameOf(frames, 'execution_complete')).toMatchObject({ success: true });

    const third = await approvalVisit();
    const bad = async (body: Record<string, unknown>): Promise<number> =>
      (await third.page.post('approve', { sessionId: third.sessionId, ...decisionOf(third), ...body }))
        .status;
    expect(await bad({ decision: 'maybe' })).toBe(400);
    expect(await bad({ approvalId: 'wait_unknown' })).toBe(404);
    expect(await bad({ approvalId: decisionOf(second)['approvalId'] })).toBe(404);
    expect(await bad({ executionId: NOWHERE })).toBe(404);
    expect(await bad({ sessionId: second.sessionId })).toBe(404);
    expect((await runOf(third.executionId)).status).toBe('waiting');
  });

  verifies(['client.approve-by-agent'], async () => {
    const here = await approvalVisit();
    const body = { ...decisionOf(here), streamResponse: false };
    const path = '/v1/agents/virtual/approve';
    const approve = async (page: Page, over: Record<string, unknown> = {}): Promise<number> =>
      (await page.request('POST', path, { ...body, ...over })).status;
    expect(await approve(new Page(world(), here.page.token, 'https://evil.example'))).toBe(401);
    expect(await approve(new Page(world(), here.page.token, null))).toBe(401);
    expect(await approve(here.page, { executionId: NOWHERE })).toBe(401);
    expect(await approve(here.page, { executionId: 'nonsense' })).toBe(401);
    expect(await approve(here.page, { approvalId: 'wait_unknown' })).toBe(404);
    const { api } = world();
    const own = await api.reaches((await api.start({ input: 'x', model: 'script/approval' })).id, 'waiting');
    const wait = only(await api.openWaits(own.id));
    expect(await approve(here.page, { executionId: `exec_${own.id}`, approvalId: wait.id })).toBe(401);
    // A key that does not work is no page.
    const wrong = await RuntypeClient.of(world(), 'nothing').request('POST', path, {
      body,
      headers: { origin: SHOP },
    });
    expect(wrong.status).toBe(401);
    await world().database
      .sql`update client_sessions set expires_at = now() where conversation_id = ${here.conversationId}`;
    expect(await approve(here.page)).toBe(401);
    expect((await runOf(here.executionId)).status).toBe('waiting');
    await here.page.post('init', { token: here.page.token, sessionId: here.sessionId });
    expect(await approve(here.page)).toBe(200);
    // The same again is told what was decided.
    const again = await here.page.streamed('POST', path, { ...decisionOf(here, 'denied') });
    expect(frameOf(again, 'approval_complete')).toMatchObject({ decision: 'approved', resolvedBy: 'user' });
    expect(await api.run(own.id)).toMatchObject({ status: 'waiting' });
  });

  verifies(['client.approve-forbidden'], async () => {
    const call = { toolCalls: [{ tool: 'refund', args: { eur: 5 } }] };
    const tool = { type: 'client', name: 'refund', approval: { approvers: ['operator'] } };
    const visited = await visit({ model: 'script/inline', script: [call, { text: 'done' }], tools: [tool] });
    const body = { ...decisionOf(visited), streamResponse: false };
    const refused = await visited.page.post('approve', { sessionId: visited.sessionId, ...body });
    expect([refused.status, refused.body]).toEqual([
      403,
      expect.objectContaining({ code: 'APPROVAL_APPROVER_NOT_END_USER' }),
    ]);
    const byAgent = await visited.page.request('POST', '/v1/agents/virtual/approve', body);
    expect(byAgent.status).toBe(403);
    expect((await runOf(visited.executionId)).status).toBe('waiting');
    const operator = RuntypeClient.of(world(), world().operator.key);
    expect((await operator.request('POST', '/v1/dispatch/approve', { body })).status).toBe(200);
  });
});
