import { isJsonObject, type AgentFields, type Json, type JsonObject, type Limits } from '@fermata/protocol';
import { compileSchema } from '../../schemas/json-schema.ts';
import { decodeFallback } from './decode-fallback.ts';
import { decodeTools, toolRules, type DecodedTools } from './decode-tools.ts';
import { invalidMember } from './errors.ts';
import { notSupported } from './not-supported.ts';
import { fillNames } from './fill-names.ts';
import type { ErrorHandling, ModelMembers, WireAgent } from './wire-agent.ts';

export interface DecodedAgent extends Pick<DecodedTools, 'secrets' | 'info'> {
  fields: AgentFields;
}

/** An inline agent. Source: wire section 8.1; what only changes how it looks is ignored (see the README). */
export function decodeAgent(wire: WireAgent, variables: JsonObject, path = 'agent'): DecodedAgent {
  refuseUnsupported(wire, path);
  const decoded = decodeTools(wire.tools, `${path}.tools`);
  const { secrets, info, tools, mcpServers } = decoded;
  const rules = toolRules(wire.tools);
  const limits = limitsOf(wire);
  const settings = settingsOf(wire);
  const output = outputOf(wire.responseFormat, `${path}.responseFormat`);
  const { toolCallStrategy, parallelCalls } = wire.tools ?? {};
  const fallbacks = fallbacksOf(wire.errorHandling, `${path}.errorHandling`);
  const fields: AgentFields = {
    ...(wire.name === undefined ? {} : { name: wire.name }),
    ...(wire.model === undefined ? {} : { model: wire.model }),
    ...(wire.systemPrompt === undefined ? {} : { instructions: fillNames(wire.systemPrompt, variables) }),
    ...(tools.length === 0 ? {} : { tools }),
    ...(mcpServers.length === 0 ? {} : { mcpServers }),
    ...(Object.keys(rules).length === 0 ? {} : { toolRules: rules }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(Object.keys(settings).length === 0 ? {} : { settings }),
    ...(toolCallStrategy === undefined ? {} : { toolChoice: toolCallStrategy }),
    ...(parallelCalls === undefined ? {} : { parallelToolCalls: parallelCalls }),
    ...(fallbacks.length === 0 ? {} : { fallbacks }),
    ...(output === null ? {} : { output }),
  };
  return { fields, secrets, info };
}

function refuseUnsupported(wire: WireAgent, path: string): void {
  if (wire.advisor !== undefined && wire.advisor !== null)
    throw notSupported(`${path}.advisor`, 'advisor is not supported', 'tools');
  const { artifacts } = wire;
  if (
    typeof artifacts === 'object' &&
    artifacts !== null &&
    'enabled' in artifacts &&
    artifacts.enabled === true
  ) {
    throw notSupported(`${path}.artifacts`, 'artifacts are not supported', 'text and tools');
  }
}

function limitsOf({ loopConfig = {}, tools }: WireAgent): Limits {
  const { maxTurns, maxCost } = loopConfig;
  return {
    ...(maxTurns === undefined ? {} : { maxTurns }),
    ...(maxCost === undefined || maxCost === 0 ? {} : { maxCostUsd: maxCost }),
    ...(tools?.maxToolCalls === undefined ? {} : { maxToolCalls: tools.maxToolCalls }),
  };
}

/** How the model is called, for agents and prompt steps. */
export function settingsOf(wire: ModelMembers): NonNullable<AgentFields['settings']> {
  const { temperature, topP, topK, frequencyPenalty, presencePenalty, seed, maxTokens, reasoning } = wire;
  const given = {
    temperature,
    topP,
    topK,
    frequencyPenalty,
    presencePenalty,
    seed,
    maxOutputTokens: maxTokens,
  };
  const settings = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return reasoning === undefined ? settings : { ...settings, reasoning: reasoningOf(reasoning) };
}

function reasoningOf(
  reasoning: NonNullable<ModelMembers['reasoning']>,
): NonNullable<NonNullable<AgentFields['settings']>['reasoning']> {
  if (typeof reasoning === 'boolean') return reasoning;
  const { enabled, reasoningEffort, budgetTokens, thinkingBudget } = reasoning;
  if (!enabled) return false;
  const budget = budgetTokens ?? thinkingBudget;
  return {
    ...(reasoningEffort === undefined ? {} : { effort: reasoningEffort }),
    ...(budget === undefined ? {} : { budgetTokens: budget }),
  };
}

/** Source: wire section 7.4; an agent has no `flow` fallback. */
function fallbacksOf(wire: ErrorHandling | undefined, path: string): NonNullable<AgentFields['fallbacks']> {
  return (wire?.fallbacks ?? []).map((fallback, index) => {
    const place = `${path}.fallbacks[${index}]`;
    const decoded = decodeFallback(fallback, place);
    if (decoded !== null) return decoded;
    throw notSupported(`${place}.type`, 'a flow as fallback is not supported', 'retry, model, message');
  });
}

/** Only a format with a schema gives a structured result; the others are words to the model. */
function outputOf(format: Json | undefined, path: string): JsonObject | null {
  if (!isJsonObject(format ?? null)) return null;
  const given = format as JsonObject;
  const schema = given['schema'] ?? given['jsonSchema'];
  if (!isJsonObject(schema ?? null)) return null;
  const compiled = compileSchema(schema as JsonObject);
  if (!compiled.ok) throw invalidMember(`${path}.schema`, compiled.message);
  return schema as JsonObject;
}
