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
    toolRules,
    limits,
    onLimit,
    onProviderFailure,
    settings,
    toolChoice,
    parallelToolCalls,
    fallbacks,
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
    ...(toolRules === undefined ? {} : { toolRules }),
    ...(limits === undefined ? {} : { limits }),
    ...(onLimit === undefined ? {} : { onLimit }),
    ...(onProviderFailure === undefined ? {} : { onProviderFailure }),
    ...(settings === undefined ? {} : { settings }),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...(parallelToolCalls === undefined ? {} : { parallelToolCalls }),
    ...(fallbacks === undefined ? {} : { fallbacks }),
    ...(output === undefined ? {} : { output }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** Models that a turn of the agent may come to: its own, and those of its fallbacks. */
export function modelsOfAgent({ model, fallbacks = [] }: Pick<RunAgent, 'model' | 'fallbacks'>): string[] {
  return [model, ...fallbacks.flatMap((fallback) => (fallback.type === 'model' ? [fallback.model] : []))];
}
