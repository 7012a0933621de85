import type { AgentFields, RunAgent, RunOrigin } from '@fermata/protocol';
import { mergeLimits } from '../engine/apply.ts';
import { EngineError } from '../engine/errors.ts';
import type { AgentsFacade } from '../engine/facade-accounts.ts';
import { mergeByKey } from '../engine/record.ts';
import { pinned } from '../engine/pinned-agent.ts';
import type { Pool } from './pool.ts';
import { createVersioned } from './versioned.ts';

/** The agent of requests that name none: the built-in one, or by face one with fields or a saved one. */
export interface DefaultAgents {
  builtIn: RunAgent;
  of(face: RunOrigin): { fields: AgentFields } | { agentId: string } | null;
}

/** Saved agents, each with all its versions. */
export function createAgents(pool: Pool, defaults: DefaultAgents): AgentsFacade {
  const { find, ...table } = createVersioned<AgentFields>(pool, { noun: 'agent', merge: mergeAgent });
  return {
    ...table,
    async create(caller, fields, options) {
      assertDifferentNames(fields);
      return table.create(caller, fields, options);
    },
    async update(caller, agentId, patch, options) {
      assertDifferentNames(patch);
      return table.update(caller, agentId, patch, options);
    },
    async defaultAgent(caller) {
      const chosen = defaults.of(caller.via);
      if (chosen === null) return defaults.builtIn;
      if ('fields' in chosen) return pinned(chosen.fields, defaults.builtIn, null, null);
      const saved = await find(caller, chosen.agentId);
      if (saved === null)
        throw new EngineError('not_configured', `there is no default agent ${chosen.agentId}`);
      return pinned(saved, defaults.builtIn, saved.id, saved.version);
    },
  };
}

/** `metadata` and `limits` are merged by key (null removes), all else is replaced. */
function mergeAgent<T extends AgentFields>(fields: T, patch: Partial<AgentFields>): T {
  const merged = { ...fields };
  for (const [key, value] of Object.entries(patch)) {
    if (value !== undefined) Object.assign(merged, { [key]: value });
  }
  if (patch.metadata !== undefined) merged.metadata = mergeByKey(fields.metadata ?? {}, patch.metadata);
  if (patch.limits !== undefined) merged.limits = mergeLimits(fields.limits ?? {}, patch.limits);
  return merged;
}

/** The model must be able to tell its tools apart. */
function assertDifferentNames({ tools = [] }: Pick<AgentFields, 'tools'>): void {
  const names = new Set<string>();
  for (const [index, tool] of tools.entries()) {
    if (names.has(tool.name)) {
      throw new EngineError('invalid_request', `Two tools are named ${tool.name}`, {
        errors: [{ path: `tools.${index}.name`, message: 'is used by another tool' }],
      });
    }
    names.add(tool.name);
  }
}
