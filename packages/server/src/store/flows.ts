import type { FlowFields, FlowStep, RunOrigin, UpdateFlowBody } from '@fermata/protocol';
import { EngineError } from '../engine/errors.ts';
import type { FlowFault, FlowsFacade, NamedFlow } from '../engine/facade-flows.ts';
import { mergeByKey } from '../engine/record.ts';
import { assertWorkingSteps } from '../engine/start-flow.ts';
import type { Pool } from './pool.ts';
import { createVersioned } from './versioned.ts';

export interface FlowsPorts {
  faults(steps: readonly FlowStep[]): Promise<readonly FlowFault[]>;
  /** The flow of requests that name none, by face. */
  defaultOf(face: RunOrigin): NamedFlow | null;
}

/** Saved flows, each with all its versions. */
export function createFlows(pool: Pool, ports: FlowsPorts): FlowsFacade {
  const { find, ...table } = createVersioned<FlowFields>(pool, { noun: 'flow', merge: mergeFlow });
  const known = new WeakMap<readonly FlowStep[], Promise<readonly FlowFault[]>>();
  function faults(steps: readonly FlowStep[]): Promise<readonly FlowFault[]> {
    const found = known.get(steps) ?? ports.faults(steps);
    known.set(steps, found);
    return found;
  }
  return {
    ...table,
    faults,
    async create(caller, fields, options) {
      await assertWorkingSteps({ faults }, fields.steps);
      return table.create(caller, fields, options);
    },
    async update(caller, flowId, patch, options) {
      if (patch.steps !== undefined) await assertWorkingSteps({ faults }, patch.steps);
      return table.update(caller, flowId, patch, options);
    },
    async defaultFlow(caller) {
      const chosen = ports.defaultOf(caller.via);
      if (chosen !== null && 'flowId' in chosen && (await find(caller, chosen.flowId)) === null)
        throw new EngineError('not_configured', `there is no default flow ${chosen.flowId}`);
      return chosen;
    },
  };
}

/** `metadata` is merged by key (null removes), all else is replaced. */
function mergeFlow<T extends FlowFields>(fields: T, patch: UpdateFlowBody): T {
  const merged = { ...fields };
  for (const [key, value] of Object.entries(patch)) {
    if (value !== undefined) Object.assign(merged, { [key]: value });
  }
  if (patch.metadata !== undefined) merged.metadata = mergeByKey(fields.metadata ?? {}, patch.metadata);
  return merged;
}
