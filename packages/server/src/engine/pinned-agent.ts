import type { AgentFields, RunAgent } from '@fermata/protocol';

/** An agent as a run carries it: what it does not say is the fallback's model. */
export function pinned(
  fields: AgentFields,
  fallback: Pick<RunAgent, 'model'>,
  id: string | null,
  version: number | null,
): RunAgent {
  const {
    name,
    model,
    script,
    instructions,
    tools,
    mcpServers,
    limits,
    onLimit,
    onProviderFailure,
    output,
    metadata,
  } = fields;
  return {
    id,
    version,
    name: name ?? 'agent',
    model: model ?? (script === undefined ? fallback.model : 'script/inline'),
    ...(script === undefined ? {} : { script }),
    ...(instructions === undefined ? {} : { instructions }),
    ...(tools === undefined ? {} : { tools }),
    ...(mcpServers === undefined ? {} : { mcpServers }),
    ...(limits === undefined ? {} : { limits }),
    ...(onLimit === undefined ? {} : { onLimit }),
    ...(onProviderFailure === undefined ? {} : { onProviderFailure }),
    ...(output === undefined ? {} : { output }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}
