import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { frameOf, RuntypeClient, types, type RuntypeFrame } from './runtype-client.ts';
import { pageTool } from './scripted.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const runtype = (): RuntypeClient => RuntypeClient.of(world());
const messages = [{ role: 'user', content: 'go' }];
const clientTools = [pageTool('Pg-One')];

const prompt = (require: unknown): Record<string, unknown> => ({
  type: 'prompt',
  name: 'Ask',
  config: { model: 'script/client-tool', tools: { approval: { require } } },
});

async function created(path: string, body: Record<string, unknown>): Promise<unknown> {
  const response = await runtype().fetch('POST', path, { body });
  expect(response.ok).toBe(true);
  return ((await response.json()) as { id: string }).id;
}

function expectAsked(frames: RuntypeFrame[]): void {
  expect(types(frames)).toContain('approval_start');
  expect(types(frames)).not.toContain('await');
  expect(types(frames)).not.toContain('tool_complete');
}

describe('approval.require', () => {
  verifies(['approve.require'], async () => {
    const external = {
      name: 'crm.delete',
      description: 'Deletes',
      toolType: 'external',
      parametersSchema: { type: 'object' },
      config: { url: world().target.url },
    };
    const before = world().target.seen.length;
    const tools = { runtimeTools: [external], approval: { require: ['crm.delete'] } };
    const agent = { name: 'x', model: 'script/approval', tools };
    expectAsked(await runtype().dispatch({ agent, messages }));
    expect(world().target.seen).toHaveLength(before);

    for (const require of [['Pg-One'], true]) {
      const flow = { name: 'f', steps: [prompt(require)] };
      const inFlow = await runtype().dispatch({ flow, messages, clientTools });
      expectAsked(inFlow);
      // Only a time-out that the request names lets an approval expire, whatever else the page's tool has.
      expect(frameOf(inFlow, 'approval_start')).not.toHaveProperty('timeout');

      const saved = await created('/v1/flows', flow);
      expectAsked(await runtype().dispatch({ flow: { id: saved }, messages, clientTools }));

      const config = { model: 'script/client-tool', tools: { approval: { require } } };
      const kept = await created('/v1/agents', { name: 'kept', config });
      expectAsked(await runtype().dispatch({ agent: { agentId: kept }, messages, clientTools }));
    }

    const timed = { approval: { require: true, timeout: 200 } };
    const late = { name: 'x', model: 'script/client-tool', tools: timed };
    const frames = await runtype().dispatch({ agent: late, messages, clientTools });
    expect(frameOf(frames, 'approval_start')['timeout']).toBeLessThanOrEqual(200);
  });
});
