import { readFile } from 'node:fs/promises';
import { agentFieldsSchema, type AgentFields, type RunOrigin } from '@fermata/protocol';
import { ConfigError, type Config } from './config.ts';

/** The agent of requests that name none: fields of a file, a saved agent, or null for the built-in one. */
export type DefaultAgent = { fields: AgentFields } | { agentId: string } | null;

const SAVED_AGENT = /^agent_[0-9a-zA-Z]+$/;

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
  if (SAVED_AGENT.test(value)) return { agentId: value };
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(value, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError([`${variable} is neither the id of a saved agent nor a JSON file: ${why}`]);
  }
  const fields = agentFieldsSchema.safeParse(parsed);
  if (fields.success) return { fields: fields.data };
  const [issue] = fields.error.issues;
  throw new ConfigError([
    `${variable}: ${value} is no agent: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
  ]);
}
