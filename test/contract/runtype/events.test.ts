import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { frameOf, RuntypeClient, textIn } from './runtype-client.ts';
import { conversation, pageTool, scripted } from './scripted.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const runtype = (): RuntypeClient => RuntypeClient.of(world());

describe('the events of an execution', () => {
  verifies(['events.replay'], async () => {
    const agentId = await scripted(world(), [
      { deltas: ['a', 'b'], toolCalls: [{ tool: 'p' }] },
      { text: 'End' },
    ]);
    const first = await runtype().dispatch(conversation(agentId, { clientTools: [pageTool('p')] }));
    const executionId = String(frameOf(first, 'await')['executionId']);
    const rest = await runtype().resume({ executionId, toolOutputs: { p: 1 } });
    const path = `/v1/agents/virtual/executions/${executionId}/events`;
    const all = await runtype().frames('GET', path);
    const told = rest.filter(({ data }) => data['resumed'] !== true);
    expect(all).toEqual([...first, ...told]);
    for (const [index, { id, data }] of all.entries()) {
      for (const after of [id, String(data['seq'])]) {
        expect(await runtype().frames('GET', `${path}?after=${after}&conversationId=x`)).toEqual(
          all.slice(index + 1),
        );
      }
    }
    expect((await runtype().request('GET', `${path}?after=nonsense`)).status).toBe(400);
    const nobody = '/v1/agents/virtual/executions/exec_00000000-0000-7000-8000-000000000000/events';
    expect((await runtype().request('GET', nobody)).status).toBe(404);
  });

  verifies(['events.live'], async () => {
    const agentId = await scripted(world(), [{ deltas: ['slow', ' and', ' steady'], deltaDelayMs: 150 }]);
    const stream = runtype().stream('POST', '/v1/dispatch', { body: conversation(agentId) });
    const seen = [];
    for await (const frame of stream) {
      seen.push(frame);
      if (frame.event === 'text_delta') break;
    }
    const last = seen.at(-1);
    const executionId = String(last?.data['executionId']);
    const rest = await runtype().frames(
      'GET',
      `/v1/agents/x/executions/${executionId}/events?after=${last?.id}`,
    );
    expect(textIn([...seen, ...rest])).toBe('slow and steady');
    expect(rest.at(-1)?.event).toBe('execution_complete');
  });
});
