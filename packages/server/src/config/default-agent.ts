import { agentFieldsSchema, type AgentFields, type RunOrigin } from '@fermata/protocol';
import type { Config } from './config.ts';
import { loadDefinition } from './default-definition.ts';

/** The agent of requests that name none: fields of a file, a saved agent, or null for the built-in one. */
export type DefaultAgent = { fields: AgentFields } | { agentId: string } | null;

/**
 * Reads `FERMATA_DEFAULT_AGENT` and its variants by face.
 * @throws ConfigError when a file cannot be read or is no agent
 */
export async function loadDefaultAgents({ agents }: Config): Promise<(face: RunOrigin) => DefaultAgent> {
  const general = await loadOne('FERMATA_DEFAULT_AGENT', agents.default);
  const byFace = new Map<RunOrigin, DefaultAgent>();
  for (const [face, value] of Object.entries(agents.byFace)) {
    const name = `FERMATA_${face.toUpperCase()}_DEFAULT_AGENT`;
    byFace.set(face as RunOrigin, value === agents.default ? general : await loadOne(name, value));
  }
  return (face) => byFace.get(face) ?? general;
}

async function loadOne(variable: string, value: string | null): Promise<DefaultAgent> {
  if (value === null) return null;
  const loaded = await loadDefinition(variable, value, 'agent', agentFieldsSchema);
  return 'id' in loaded ? { agentId: loaded.id } : loaded;
}
