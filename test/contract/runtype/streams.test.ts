import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { frameOf, RuntypeClient, textIn, types } from './runtype-client.ts';
import { conversation, pageTool, scripted } from './scripted.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const runtype = (): RuntypeClient => RuntypeClient.of(world());

describe('a stream', () => {
  verifies(['stream.text'], async () => {
    const agentId = await scripted(world(), [{ deltas: ['Hel', 'lo ', 'there'] }]);
    const frames = await runtype().dispatch(conversation(agentId));
    expect(types(frames)).toEqual([
      'execution_start',
      'turn_start',
      'text_start',
      'text_delta',
      'text_complete',
      'turn_complete',
      'execution_complete',
    ]);
    expect(textIn(frames)).toBe('Hello there');
    expect(frameOf(frames, 'execution_start')).toMatchObject({
      kind: 'agent',
      agentId,
      agentName: 'scripted',
    });
    expect(frameOf(frames, 'execution_complete')).toMatchObject({
      kind: 'agent',
      success: true,
      stopReason: 'complete',
      finalOutput: 'Hello there',
      iterations: 1,
    });
    for (const { id, event, data } of frames) {
      expect(data['type']).toBe(event);
      const [seq = '', n = ''] = (id ?? '').split('.');
      expect(data['seq']).toBe(Number(seq) * 100 + Number(n));
    }
  });

  verifies(['stream.local-tool'], async () => {
    const agentId = await scripted(world(), [
      { text: 'I look.', toolCalls: [{ tool: 'get_cart', args: { full: true } }] },
      { text: 'It is empty.' },
    ]);
    const body = conversation(agentId, { clientTools: [pageTool('get_cart')] });
    const frames = await runtype().dispatch(body);
    expect(types(frames)).toEqual([
      'execution_start',
      'turn_start',
      'text_start',
      'text_delta',
      'text_complete',
      'tool_start',
      'await',
    ]);
    const asked = frameOf(frames, 'await');
    expect(asked).toMatchObject({
      toolName: 'get_cart',
      parameters: { full: true },
      origin: 'webmcp',
      pageOrigin: 'https://shop.example',
    });
    expect(frameOf(frames, 'tool_start')).toMatchObject({
      toolCallId: asked['toolCallId'],
      toolType: 'local',
    });
    const rest = await runtype().resume({
      executionId: asked['executionId'],
      toolOutputs: { [String(asked['toolCallId'])]: { content: [{ type: 'text', text: 'empty' }] } },
      streamResponse: true,
    });
    expect(types(rest)).toEqual([
      'execution_start',
      'turn_start',
      'text_start',
      'text_delta',
      'text_complete',
      'turn_complete',
      'execution_complete',
    ]);
    expect(frameOf(rest, 'execution_start')).toMatchObject({ resumed: true, kind: 'agent', agentId });
    expect(frameOf(rest, 'turn_start')).toMatchObject({ iteration: 2 });
    expect(textIn(rest)).toBe('It is empty.');
  });

  verifies(['stream.approval'], async () => {
    const tools = [
      {
        type: 'http' as const,
        name: 'pay',
        http: { url: world().target.url, method: 'POST' as const },
        approval: 'always' as const,
      },
    ];
    const agentId = await scripted(
      world(),
      [{ toolCalls: [{ tool: 'pay', args: { amount: 5 } }] }, { text: 'Paid.' }],
      tools,
    );
    const frames = await runtype().dispatch(conversation(agentId));
    expect(types(frames)).toEqual(['execution_start', 'turn_start', 'approval_start']);
    const asked = frameOf(frames, 'approval_start');
    expect(asked).toMatchObject({ toolName: 'pay', toolType: 'external', parameters: { amount: 5 } });
    const rest = await runtype().frames('POST', `/v1/agents/virtual/approve`, {
      body: {
        executionId: asked['executionId'],
        approvalId: asked['approvalId'],
        decision: 'approved',
        streamResponse: true,
      },
    });
    expect(types(rest)).toEqual([
      'execution_start',
      'approval_complete',
      'tool_start',
      'tool_complete',
      'turn_start',
      'text_start',
      'text_delta',
      'text_complete',
      'turn_complete',
      'execution_complete',
    ]);
    expect(frameOf(rest, 'approval_complete')).toMatchObject({ decision: 'approved', resolvedBy: 'user' });
  });
});
