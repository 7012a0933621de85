import {
  canonicalJson,
  isJsonObject,
  type AgentFields,
  type Json,
  type JsonObject,
  type Tool,
} from '@fermata/protocol';
import type { SavedAgent } from '../../engine/facade-accounts.ts';
import { compileSchema } from '../../schemas/json-schema.ts';
import { modelNameOf } from './client-tools.ts';
import { decodeAgent } from './decode-agent.ts';
import { assertFits } from './decode-messages.ts';
import { invalidMember } from './errors.ts';
import { notSupported } from './not-supported.ts';
import { readMember } from './validation.ts';
import { wireAgentSchema } from './wire-agent.ts';
import type { AgentBody, AgentPatch, Capability } from './wire-resources.ts';

/** Where an agent's metadata keep what was sent, so that it is read as it was written. */
const KEPT = 'runtype';
const MAX_KEPT_BYTES = 64 * 1024;

export type NamedFields = AgentFields & { name: string };

/** A saved agent from what was sent. Throws `not_supported` for what no run of it could do. */
export function decodeSavedAgent(body: AgentBody): NamedFields {
  const { name, ...rest } = body;
  if (body.agentType !== undefined && body.agentType !== 'runtype') {
    throw notSupported('agentType', `agents of type ${body.agentType} are not supported`, 'runtype');
  }
  const fields = { ...fieldsOf(body), name };
  const kept = rest as JsonObject;
  assertFits(kept, 'body', MAX_KEPT_BYTES);
  return { ...fields, metadata: { [KEPT]: kept } };
}

function fieldsOf({ config, capabilities = [] }: AgentBody): AgentFields {
  const { agentId: _agentId, id: _id, maxTurns, loopConfig, ...rest } = config ?? {};
  const turns = maxTurns === undefined ? {} : { maxTurns };
  const loop = isJsonObject(loopConfig) ? { ...turns, ...loopConfig } : turns;
  const wire = readMember(wireAgentSchema, { ...rest, loopConfig: loop }, 'config');
  const { fields, secrets } = decodeAgent(wire, {}, 'config');
  if (Object.keys(secrets).length > 0) {
    throw notSupported(
      'config.tools.mcpServers',
      'credentials are not kept with a saved agent',
      '{{secrets.<name>}} in their place, with the secrets of each dispatch',
    );
  }
  const tools = [...(fields.tools ?? []), ...capabilities.flatMap(toolOf)];
  return {
    ...fields,
    // Its placeholders are filled by each dispatch.
    ...(wire.systemPrompt === undefined ? {} : { instructions: wire.systemPrompt }),
    ...(tools.length === 0 ? {} : { tools }),
  };
}

function toolOf(capability: Capability, index: number): Tool[] {
  const { toolName, toolDescription, flowId, subAgentId, toolId, parametersSchema, enabled } = capability;
  const path = `capabilities[${index}]`;
  if (enabled === false) return [];
  if (toolId) throw notSupported(`${path}.toolId`, 'There are no saved tools here', 'flowId, subAgentId');
  const target = flowId ? { flow: flowId } : subAgentId ? { agent: subAgentId } : null;
  if (target === null) throw invalidMember(`${path}.flowId`, 'Required', 'MISSING_REQUIRED_FIELD');
  const inputSchema = isJsonObject(parametersSchema) ? parametersSchema : { type: 'object' };
  const compiled = compileSchema(inputSchema);
  if (!compiled.ok) throw invalidMember(`${path}.parametersSchema`, compiled.message);
  const description = toolDescription ? { description: toolDescription } : {};
  return [{ type: 'run', name: modelNameOf(toolName), ...description, inputSchema, run: target }];
}

/**
 * What was sent with an agent; where it was changed through another API since, with what it is now. An agent that was
 * made there is told as this wire would have made it.
 */
export function sentOf(agent: SavedAgent): AgentBody {
  const kept = agent.metadata?.[KEPT];
  const base = isJsonObject(kept) ? kept : { config: toolsConfig(agent) };
  const body = { ...base, name: agent.name } as AgentBody;
  if (isJsonObject(kept) && isAsSent(agent, body)) return body;
  return { ...body, config: { ...body.config, ...scalarsOf(agent) } };
}

function isAsSent(agent: SavedAgent, body: AgentBody): boolean {
  const {
    id: _id,
    version: _version,
    createdAt: _createdAt,
    updatedAt: _updatedAt,
    metadata: _metadata,
    ...now
  } = agent;
  const { metadata: _kept, ...sent } = decodeSavedAgent(body);
  const text = (fields: object): string => canonicalJson(withoutEmpty(fields) as Json);
  return text(now) === text(sent);
}

/** An update sets what was taken out to an empty value; both mean the same. */
function withoutEmpty(fields: object): object {
  const isEmpty = (value: unknown): boolean =>
    value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

function scalarsOf({ model, instructions, settings = {}, limits = {} }: SavedAgent): JsonObject {
  const { temperature, topP, topK, frequencyPenalty, presencePenalty, seed, maxOutputTokens } = settings;
  const { maxTurns, maxCostUsd } = limits;
  const given = {
    model,
    systemPrompt: instructions,
    temperature,
    topP,
    topK,
    frequencyPenalty,
    presencePenalty,
    seed,
    maxTokens: maxOutputTokens,
  };
  const loopConfig = {
    ...(typeof maxTurns === 'number' ? { maxTurns } : {}),
    ...(typeof maxCostUsd === 'number' ? { maxCost: maxCostUsd } : {}),
  };
  return {
    ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as JsonObject),
    ...(Object.keys(loopConfig).length === 0 ? {} : { loopConfig }),
  };
}

/** Tools of an agent that this wire did not make, as far as it has words for them. */
function toolsConfig({ tools = [] }: SavedAgent): JsonObject {
  const runtimeTools = tools.flatMap((tool): JsonObject[] => {
    const { type, name, description = '', inputSchema = { type: 'object' } } = tool;
    const base = { name, description, parametersSchema: inputSchema };
    if (type === 'client') return [{ ...base, toolType: 'local', config: {} }];
    if (type === 'http') return [{ ...base, toolType: 'external', config: { ...tool.http } as JsonObject }];
    return [];
  });
  return runtimeTools.length === 0 ? {} : { tools: { runtimeTools } };
}

/** What was sent, changed by what is sent now: `config` is merged, deep; null takes a member out of it. */
export function mergedBody(before: AgentBody, patch: AgentPatch): AgentBody {
  const given = Object.entries(patch).filter(([, value]) => value !== undefined);
  const config = patch.config ? mergeDeep(before.config ?? {}, patch.config) : before.config;
  return { ...before, ...Object.fromEntries(given), config } as AgentBody;
}

function mergeDeep(before: JsonObject, patch: JsonObject): JsonObject {
  const merged = { ...before };
  for (const [name, value] of Object.entries(patch)) {
    const old = merged[name];
    if (value === null) delete merged[name];
    else merged[name] = isJsonObject(old) && isJsonObject(value) ? mergeDeep(old, value) : value;
  }
  return merged;
}

/**
 * The patch of an update. Fields that the merged body lacks are set to an empty value; tools that it does not speak of
 * stay as they are, since this wire has no words for some of them.
 */
export function updateOf(merged: AgentBody, patch: AgentPatch): Partial<AgentFields> {
  const { name, metadata, ...fields } = decodeSavedAgent(merged);
  if (!patch.config && patch.capabilities === undefined) return { name, metadata: metadata ?? {} };
  const { tools = [], mcpServers = [], limits, ...rest } = fields;
  const speaksOfTools = patch.config?.['tools'] !== undefined || patch.capabilities !== undefined;
  return {
    name,
    metadata: metadata ?? {},
    instructions: '',
    settings: {},
    fallbacks: [],
    ...rest,
    limits: { maxTurns: null, maxCostUsd: null, maxToolCalls: null, ...limits },
    ...(speaksOfTools ? { tools, mcpServers } : {}),
  };
}
