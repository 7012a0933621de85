import type { Json } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { frameOf, RuntypeClient, textIn, types, type RuntypeFrame } from './runtype-client.ts';
import { conversation, pageTool, scripted } from './scripted.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const runtype = (): RuntypeClient => RuntypeClient.of(world());

/** An execution that waits for these tools of the page. */
async function awaiting(
  calls: { tool: string; args?: Json }[],
  declared: Record<string, unknown>[],
): Promise<{ executionId: string; awaits: Record<string, unknown>[]; frames: RuntypeFrame[] }> {
  const agentId = await scripted(world(), [{ toolCalls: calls }, { text: 'Done: {{input}}' }]);
  const frames = await runtype().dispatch(conversation(agentId, { clientTools: declared }));
  const awaits = frames.filter(({ event }) => event === 'await').map(({ data }) => data);
  return { executionId: String(awaits[0]?.['executionId']), awaits, frames };
}

function runIdOf(executionId: string): string {
  return executionId.replace('exec_', '');
}

async function outputsOf(executionId: string): Promise<unknown[]> {
  const messages = await world().api.call<{ data: { calls: { output: unknown }[] }[] }>(
    'GET',
    `/v1/runs/${runIdOf(executionId)}/messages`,
  );
  return messages.data.flatMap(({ calls }) => calls.map(({ output }) => output));
}

async function messagesOf(executionId: string): Promise<string[]> {
  const messages = await world().api.call<{ data: { role: string; parts: { text?: string }[] }[] }>(
    'GET',
    `/v1/runs/${runIdOf(executionId)}/messages`,
  );
  return messages.data.map(({ role, parts }) => `${role}: ${parts.map(({ text }) => text).join('')}`);
}

describe('outputs', () => {
  verifies(['resume.keys'], async () => {
    const declared = [
      pageTool('get-Cart'),
      pageTool('add_to_cart'),
      { name: 'ask_user_question', description: 'Asks', origin: 'sdk' },
    ];
    const calls = [{ tool: 'get_cart' }, { tool: 'add_to_cart' }, { tool: 'ask_user_question' }];
    const { executionId, awaits } = await awaiting(calls, declared);
    expect(awaits.map((one) => one['toolName'])).toEqual(['get-Cart', 'add_to_cart', 'ask_user_question']);
    const rest = await runtype().resume({
      executionId: runIdOf(executionId),
      toolOutputs: {
        'webmcp:get-Cart': null,
        [String(awaits[1]?.['toolCallId'])]: 0,
        ask_user_question: 'blue',
        nobody_asked: 'nothing',
      },
    });
    expect(rest.at(-1)?.event).toBe('execution_complete');
    expect(await outputsOf(executionId)).toEqual([null, 0, 'blue']);
  });

  verifies(['resume.names'], async () => {
    const calls = [{ tool: 'ask' }, { tool: 'ask' }];
    const { executionId, awaits } = await awaiting(calls, [
      { name: 'ask', description: 'Asks', origin: 'sdk' },
    ]);
    expect(new Set(awaits.map((one) => one['toolCallId'])).size).toBe(2);
    const first = await runtype().resume({ executionId, toolOutputs: { ask: 'one' } });
    expect(types(first)).toEqual(['execution_start', 'await']);
    expect(frameOf(first, 'await')['toolCallId']).toBe(awaits[1]?.['toolCallId']);
    const second = await runtype().resume({ executionId, toolOutputs: { ask: 'two' } });
    expect(second.at(-1)?.event).toBe('execution_complete');
    expect(await outputsOf(executionId)).toEqual(['one', 'two']);
  });

  verifies(['resume.partial'], async () => {
    const { executionId, awaits } = await awaiting(
      [{ tool: 'a' }, { tool: 'b' }],
      [pageTool('a'), pageTool('b')],
    );
    const [a, b] = awaits.map((one) => String(one['toolCallId']));
    const part = await runtype().resume({
      executionId,
      toolOutputs: { [a ?? '']: 'A' },
      messages: [{ role: 'user', content: 'and hurry' }],
    });
    expect(types(part)).toEqual(['execution_start', 'await']);
    expect(frameOf(part, 'await')).toMatchObject({ toolCallId: b, toolName: 'b' });
    expect(part.every(({ id }) => id !== null)).toBe(true);
    const rest = await runtype().resume({ executionId, toolOutputs: { [b ?? '']: 'B' } });
    expect(textIn(rest)).toBe('Done: and hurry');
    expect(await messagesOf(executionId)).toContain('user: and hurry');
  });

  verifies(['resume.repeat'], async () => {
    const { executionId, awaits } = await awaiting(
      [{ tool: 'a' }, { tool: 'b' }],
      [pageTool('a'), pageTool('b')],
    );
    const [a, b] = awaits.map((one) => String(one['toolCallId']));
    const body = {
      executionId,
      toolOutputs: { [a ?? '']: 'A' },
      messages: [{ role: 'user', content: 'once' }],
    };
    await runtype().resume(body);
    const again = await runtype().resume(body);
    expect(types(again)).toEqual(['execution_start', 'await']);
    const unequal = await runtype().resume({ executionId, toolOutputs: { [a ?? '']: 'other' } });
    expect(frameOf(unequal, 'await')['toolCallId']).toBe(b);
    const rest = await runtype().resume({ executionId, toolOutputs: { [b ?? '']: 'B' } });
    expect(rest.at(-1)?.event).toBe('execution_complete');
    expect((await messagesOf(executionId)).filter((text) => text === 'user: once')).toHaveLength(1);
    expect(await outputsOf(executionId)).toEqual(['A', 'B']);
  });

  verifies(['resume.finished'], async () => {
    const { executionId, awaits } = await awaiting([{ tool: 'a' }], [pageTool('a')]);
    const body = { executionId, toolOutputs: { [String(awaits[0]?.['toolCallId'])]: 'A' } };
    await runtype().resume(body);
    for (const repeat of [
      body,
      { executionId, messages: [{ role: 'user', content: 'more' }] },
      { executionId },
    ]) {
      const frames = await runtype().resume(repeat);
      expect(types(frames)).toEqual(['execution_start', 'execution_complete']);
      expect(frameOf(frames, 'execution_start')['resumed']).toBe(true);
    }
    const reply = await runtype().request('POST', '/v1/dispatch/resume', {
      body: { ...body, streamResponse: false },
    });
    expect(reply.body).toMatchObject({ success: true, executionId, status: 'completed', result: 'Done: go' });
  });

  verifies(['resume.json'], async () => {
    const agentId = await scripted(world(), [{ text: 'Wait.', toolCalls: [{ tool: 'a' }] }, { text: 'End' }]);
    const start = conversation(agentId, { clientTools: [pageTool('a')], options: { streamResponse: false } });
    const paused = await runtype().request('POST', '/v1/dispatch', { body: start });
    expect(paused.status).toBe(200);
    expect(paused.body).toMatchObject({
      success: true,
      status: 'paused',
      result: 'Wait.',
      pausedReason: { type: 'await', awaits: [{ toolName: 'a' }], approvals: [] },
    });
    const frames = await runtype().frames(
      'GET',
      `/v1/agents/x/executions/${String(paused.body['executionId'])}/events`,
    );
    expect(paused.body).toMatchObject({
      pausedReason: { awaits: [{ seq: frameOf(frames, 'await')['seq'] }] },
    });
    const body = { executionId: paused.body['executionId'], toolOutputs: { a: 1 }, streamResponse: false };
    const ended = await runtype().request('POST', '/v1/agents/virtual/resume', { body });
    expect(ended.body).toMatchObject({
      success: true,
      status: 'completed',
      result: 'End',
      finalOutput: 'End',
      stopReason: 'complete',
      iterations: 2,
    });
  });

  verifies(['resume.continue'], async () => {
    const { executionId } = await awaiting([{ tool: 'a' }], [pageTool('a')]);
    const body = { executionId, continuation: { type: 'tool_output', toolOutputs: { a: 'A' } } };
    const frames = await runtype().frames('POST', '/v1/dispatch/continue', { body });
    expect(frames.at(-1)?.event).toBe('execution_complete');
  });

  verifies(['resume.race'], async () => {
    const { executionId } = await awaiting([{ tool: 'a' }], [pageTool('a')]);
    const tabs = await Promise.all(
      ['one', 'two', 'three'].map((text) => runtype().resume({ executionId, toolOutputs: { a: text } })),
    );
    for (const frames of tabs) {
      expect(frames[0]?.data).toMatchObject({ type: 'execution_start', resumed: true });
      expect(frames.at(-1)?.event).toBe('execution_complete');
    }
    expect(await outputsOf(executionId)).toHaveLength(1);
  });

  verifies(['resume.hold'], async () => {
    const { executionId } = await awaiting([{ tool: 'a' }], [pageTool('a')]);
    const runId = runIdOf(executionId);
    await world().api.command(runId, 'pause', { reason: 'lunch' });
    const stream = runtype().stream('POST', '/v1/dispatch/resume', {
      body: { executionId, toolOutputs: { a: 'A' } },
    });
    expect((await stream.next()).value).toMatchObject({ event: 'execution_start' });
    const held = await runtype().request('POST', '/v1/dispatch/resume', {
      body: { executionId, toolOutputs: { a: 'A' }, streamResponse: false },
    });
    expect(held.body).toMatchObject({
      status: 'paused',
      pausedReason: { type: 'hold', name: 'operator', reason: 'lunch' },
    });
    const released = await runtype().resume({ executionId });
    expect(released.at(-1)?.event).toBe('execution_complete');
    const rest: string[] = [];
    for await (const { event } of stream) rest.push(event);
    expect(rest.at(-1)).toBe('execution_complete');
  });

  verifies(['resume.other-hold'], async () => {
    const { executionId } = await awaiting([{ tool: 'a' }], [pageTool('a')]);
    await world().api.command(runIdOf(executionId), 'pause', { hold: 'audit' });
    const body = { executionId, messages: [{ role: 'user', content: 'please' }], streamResponse: false };
    const reply = await runtype().request('POST', '/v1/dispatch/resume', { body });
    expect(reply.body).toMatchObject({ status: 'paused', pausedReason: { type: 'hold', name: 'audit' } });
    expect(await messagesOf(executionId)).toContain('user: please');
    await world().api.command(runIdOf(executionId), 'cancel', { reason: 'enough' });
    const frames = await runtype().resume({ executionId, toolOutputs: { a: 1 } });
    expect(frameOf(frames, 'execution_error')).toMatchObject({
      error: { code: 'CANCELLED', message: 'enough' },
    });
  });

  verifies(['resume.running'], async () => {
    const slow = { deltas: ['one', ' two', ' three'], deltaDelayMs: 100 };
    const agentId = await scripted(world(), [slow]);
    const stream = runtype().stream('POST', '/v1/dispatch', { body: conversation(agentId) });
    const first = (await stream.next()).value as RuntypeFrame;
    const executionId = String(first.data['executionId']);
    const attached = await runtype().resume({ executionId, toolOutputs: { nobody: 1 } });
    expect(types(attached).slice(0, 2)).toEqual(['execution_start', 'turn_start']);
    expect(attached[0]?.data).toMatchObject({ resumed: true, agentId, agentName: 'scripted' });
    expect(textIn(attached)).toBe('one two three');
    await stream.return();
  });

  verifies(['resume.idempotency'], async () => {
    const { executionId } = await awaiting([{ tool: 'a' }, { tool: 'b' }], [pageTool('a'), pageTool('b')]);
    const headers = { 'idempotency-key': `resume-${executionId}` };
    const body = { executionId, messages: [{ role: 'user', content: 'once' }] };
    for (const _time of [1, 2]) {
      const frames = await runtype().frames('POST', '/v1/dispatch/resume', { body, headers });
      expect(types(frames)).toEqual(['execution_start', 'await']);
    }
    const rest = await runtype().resume({ executionId, toolOutputs: { a: 1, b: 2 } });
    expect(rest.at(-1)?.event).toBe('execution_complete');
    expect((await messagesOf(executionId)).filter((text) => text === 'user: once')).toHaveLength(1);
  });

  verifies(['resume.bad-input'], async () => {
    const { executionId } = await awaiting([{ tool: 'a' }], [pageTool('a')]);
    const post = (body: unknown, path = '/v1/dispatch/resume') => runtype().request('POST', path, { body });
    for (const body of [
      {},
      { executionId: '' },
      { executionId: 7 },
      { executionId: null, toolOutputs: {} },
    ]) {
      const reply = await post(body);
      expect(reply.status, JSON.stringify(body)).toBe(400);
      expect(reply.body).toMatchObject({
        error: expect.any(String) as string,
        details: [{ path: 'executionId' }],
      });
    }
    const missing = await post({});
    expect(missing.body).toMatchObject({ details: [{ code: 'MISSING_REQUIRED_FIELD' }] });
    for (const unknown of ['exec_00000000-0000-7000-8000-000000000000', 'no-such-thing']) {
      const reply = await post({ executionId: unknown, toolOutputs: {} });
      expect(reply.status).toBe(404);
      expect(reply.body['error']).toBe(`No paused execution found for ${unknown}`);
    }
    expect((await post({ executionId, toolOutputs: [] })).status).toBe(400);
    expect((await post({ executionId, messages: [{ role: 'robot', content: '' }] })).body).toMatchObject({
      details: [{ path: 'messages[0].role', code: 'INVALID_ENUM' }],
    });
    const dropped = await runtype().resume({ executionId, toolOutputs: { call_zz_9_9: 'for nobody' } });
    expect(types(dropped)).toEqual(['execution_start', 'await']);
    const huge = await post({ executionId, toolOutputs: { a: 'x'.repeat(5 * 1024 * 1024) } });
    expect(huge.status).toBe(413);
    const stranger = new RuntypeClient(runtype().base, world().stranger.key);
    expect((await stranger.request('POST', '/v1/dispatch/resume', { body: { executionId } })).status).toBe(
      404,
    );
    const viewer = new RuntypeClient(runtype().base, world().viewer.key);
    expect((await viewer.request('POST', '/v1/dispatch/resume', { body: { executionId } })).status).toBe(403);
    const big = await runtype().resume({ executionId, toolOutputs: { a: 'y'.repeat(1024 * 1024) } });
    expect(big.at(-1)?.event).toBe('execution_complete');
    expect(await outputsOf(executionId)).toMatchObject([{ truncated: true, sizeBytes: 1024 * 1024 }]);
  });
});
