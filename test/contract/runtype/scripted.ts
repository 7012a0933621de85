import type { ScriptTurn, Tool } from '@fermata/protocol';
import type { World } from '../../world/server.ts';

/** A saved agent that says these turns. */
export async function scripted(
  world: World,
  script: readonly ScriptTurn[],
  tools: readonly Partial<Tool>[] = [],
  more: Record<string, unknown> = {},
): Promise<string> {
  const body = { name: 'scripted', model: 'script/inline', script, tools, ...more };
  return (await world.api.call<{ id: string }>('POST', '/native/v1/agents', body)).id;
}

/** A conversation of one message with it. */
export function conversation(agentId: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { agent: { agentId }, messages: [{ role: 'user', content: 'go' }], ...more };
}

/** A tool of the page, as widgets declare them. */
export function pageTool(name: string): Record<string, unknown> {
  return {
    name,
    description: `Does ${name}`,
    parametersSchema: { type: 'object' },
    origin: 'webmcp',
    pageOrigin: 'https://shop.example',
  };
}
