import type { AgentFields, Mission, Tool } from '@fermata/protocol';
import type { OperationRequest } from '../../http/route.ts';
import { MCP_SERVERS, storedObjects, TOOLS } from './collections.ts';
import { mcpServerOf, toolOf } from './decode.ts';

const MAX_NAME_LENGTH = 200;
const PLAN_TOOLS: readonly Tool[] = [
  { type: 'builtin', name: 'create_plan' },
  { type: 'builtin', name: 'update_step' },
];

/**
 * The agent of a managed mission's runs: its instructions, model, tools and MCP servers on top of the default agent's,
 * and the tools by which it keeps the plan of its run. A stored tool that says too little to be called is left out.
 */
export async function managedAgent(
  request: Pick<OperationRequest<unknown, unknown, unknown>, 'engine' | 'caller'>,
  mission: Mission,
): Promise<AgentFields> {
  const { id: _id, version: _version, ...base } = await request.engine.agents.defaultAgent(request.caller);
  const tools = (await storedObjects(request, TOOLS, mission.id)).map(({ data }) => toolOf(data));
  const servers = (await storedObjects(request, MCP_SERVERS, mission.id)).map(({ data }, index) =>
    mcpServerOf(data, index),
  );
  return {
    ...base,
    name: mission.name.slice(0, MAX_NAME_LENGTH) || base.name,
    ...(mission.model === null ? {} : { model: mission.model }),
    ...(mission.instructions === null ? {} : { instructions: mission.instructions }),
    tools: firstOfEachName([...tools.filter((tool) => tool !== null), ...(base.tools ?? []), ...PLAN_TOOLS]),
    mcpServers: firstOfEachName([...servers.filter((server) => server !== null), ...(base.mcpServers ?? [])]),
  };
}

function firstOfEachName<T extends { name: string }>(items: readonly T[]): T[] {
  return items.filter((item, index) => items.findIndex((other) => other.name === item.name) === index);
}
