import type { Json } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { frameOf, RuntypeClient, types, type RuntypeFrame } from './runtype-client.ts';
import { conversation, pageTool, scripted } from './scripted.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const runtype = (): RuntypeClient => RuntypeClient.of(world());

const pay = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: 'http',
  name: 'pay',
  description: 'Pays money',
  http: { url: world().target.url, method: 'POST' },
  approval: 'always',
  ...more,
});

interface Paused {
  executionId: string;
  approvals: Record<string, unknown>[];
  frames: RuntypeFrame[];
}

async function asked(
  calls: { tool: string; args?: Json }[],
  more: Record<string, unknown> = {},
  tool: Record<string, unknown> = {},
): Promise<Paused> {
  const agentId = await scripted(world(), [{ toolCalls: calls }, { text: 'Done' }], [pay(tool)]);
  const frames = await runtype().dispatch(conversation(agentId, more));
  const approvals = frames.filter(({ event }) => event === 'approval_start').map(({ data }) => data);
  return { executionId: String(frames[0]?.data['executionId']), approvals, frames };
}

const decide = (
  executionId: string,
  approvalId: unknown,
  decision: string,
  more: Record<string, unknown> = {},
): Promise<RuntypeFrame[]> =>
  runtype().frames('POST', '/v1/agents/virtual/approve', {
    body: { executionId, approvalId, decision, streamResponse: true, ...more },
  });

describe('approvals', () => {
  verifies(['approve.deny'], async () => {
    const { executionId, approvals } = await asked([{ tool: 'pay' }]);
    const frames = await decide(executionId, approvals[0]?.['approvalId'], 'denied', { reason: 'too much' });
    expect(types(frames).slice(0, 3)).toEqual(['execution_start', 'approval_complete', 'turn_start']);
    expect(frameOf(frames, 'approval_complete')).toMatchObject({ decision: 'denied', resolvedBy: 'user' });
    expect(types(frames)).not.toContain('tool_start');
    expect(frames.at(-1)?.event).toBe('execution_complete');
  });

  verifies(['approve.several'], async () => {
    const { executionId, approvals } = await asked([
      { tool: 'pay', args: { amount: 1 } },
      { tool: 'pay', args: { amount: 2 } },
    ]);
    expect(approvals).toHaveLength(2);
    const first = await decide(executionId, approvals[0]?.['approvalId'], 'approved');
    expect(types(first).slice(0, 2)).toEqual(['execution_start', 'approval_complete']);
    expect(types(first)).not.toContain('approval_start');
    expect(types(first)).not.toContain('execution_complete');
    const second = await decide(executionId, approvals[1]?.['approvalId'], 'denied');
    expect(frameOf(second, 'approval_complete')).toMatchObject({ approvalId: approvals[1]?.['approvalId'] });
    expect(second.at(-1)?.event).toBe('execution_complete');
  });

  verifies(['approve.mixed'], async () => {
    const more = { clientTools: [pageTool('get_cart')] };
    const { executionId, approvals, frames } = await asked([{ tool: 'get_cart' }, { tool: 'pay' }], more);
    expect(types(frames)).toEqual(expect.arrayContaining(['await', 'approval_start']));
    const resumed = await runtype().resume({ executionId, toolOutputs: { get_cart: [] } });
    expect(types(resumed)).toEqual(['execution_start']);
    const rest = await decide(executionId, approvals[0]?.['approvalId'], 'approved');
    expect(rest.at(-1)?.event).toBe('execution_complete');
  });

  verifies(['approve.twice'], async () => {
    const { executionId, approvals } = await asked([{ tool: 'pay' }]);
    const approvalId = approvals[0]?.['approvalId'];
    const tabs = await Promise.all([
      decide(executionId, approvalId, 'approved'),
      decide(executionId, approvalId, 'denied'),
    ]);
    const decisions = tabs.map((frames) => frameOf(frames, 'approval_complete')['decision']);
    expect(decisions[0]).toBe(decisions[1]);
    for (const frames of tabs) {
      expect(types(frames).slice(0, 2)).toEqual(['execution_start', 'approval_complete']);
      expect(frames.filter(({ event }) => event === 'approval_complete')).toHaveLength(1);
      expect(frames.at(-1)?.event).toBe('execution_complete');
    }
    const late = await decide(executionId, approvalId, 'denied');
    // Who comes too late has seen nothing of what followed.
    expect(types(late)).toEqual([
      'execution_start',
      'approval_complete',
      ...types(tabs[0]).slice(types(tabs[0]).indexOf('approval_complete') + 1),
    ]);
    expect(frameOf(late, 'approval_complete')['decision']).toBe(decisions[0]);
  });

  verifies(['approve.timeout'], async () => {
    const deadline = [{ after: 0.05, expire: true }];
    const { executionId, approvals } = await asked([{ tool: 'pay' }], {}, { deadline });
    expect(approvals[0]?.['timeout']).toBeLessThanOrEqual(50);
    await world().api.finished(executionId.replace('exec_', ''));
    const frames = await runtype().frames('GET', `/v1/agents/virtual/executions/${executionId}/events`);
    expect(frameOf(frames, 'approval_complete')).toMatchObject({ decision: 'timeout', resolvedBy: 'system' });
    const late = await decide(executionId, approvals[0]?.['approvalId'], 'approved');
    expect(frameOf(late, 'approval_complete')).toMatchObject({ decision: 'timeout' });
  });

  verifies(['approve.json'], async () => {
    const { executionId, approvals } = await asked([{ tool: 'pay' }]);
    const approvalId = approvals[0]?.['approvalId'];
    const body = { executionId, continuation: { approvalId, decision: 'approved' }, streamResponse: false };
    const reply = await runtype().request('POST', '/v1/dispatch/continue', { body });
    expect(reply.body).toMatchObject({ success: true, status: 'completed', result: 'Done' });
  });

  verifies(['approve.hold'], async () => {
    const { executionId, approvals } = await asked([{ tool: 'pay' }]);
    const runId = executionId.replace('exec_', '');
    await world().api.command(runId, 'pause', { reason: 'lunch' });
    const body = {
      executionId,
      approvalId: approvals[0]?.['approvalId'],
      decision: 'approved',
      streamResponse: false,
    };
    const reply = await runtype().request('POST', '/v1/dispatch/approve', { body });
    expect(reply.body).toMatchObject({ status: 'paused', pausedReason: { type: 'hold', name: 'operator' } });
    expect((await world().api.run(runId)).openWaits).toEqual([]);
    expect((await runtype().resume({ executionId })).at(-1)?.event).toBe('execution_complete');
  });

  verifies(['approve.bad-input'], async () => {
    const { executionId, approvals } = await asked([{ tool: 'pay' }]);
    const approvalId = approvals[0]?.['approvalId'];
    const post = (body: unknown) => runtype().request('POST', '/v1/dispatch/approve', { body });
    const unknown = await post({ executionId, approvalId, decision: 'maybe' });
    expect(unknown.status).toBe(400);
    expect(unknown.body).toMatchObject({ details: [{ path: 'decision', code: 'INVALID_ENUM' }] });
    expect((await post({ executionId, approvalId: '', decision: 'approved' })).status).toBe(400);
    expect((await post({ approvalId, decision: 'approved' })).status).toBe(400);
    expect((await post({ executionId, approvalId: 'wait_nobody', decision: 'approved' })).status).toBe(404);
    const other = await asked([{ tool: 'pay' }]);
    const foreign = { executionId, approvalId: other.approvals[0]?.['approvalId'], decision: 'approved' };
    expect((await post(foreign)).status).toBe(404);
    for (const one of [executionId, other.executionId]) {
      await world().api.command(one.replace('exec_', ''), 'cancel', {});
    }
  });
});
