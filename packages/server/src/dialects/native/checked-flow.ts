import { placedSteps, type FlowStep } from '@fermata/protocol';
import type { Engine } from '../../engine/facade.ts';
import { invalidRequest } from '../../http/problem.ts';
import { joinPath } from '../../http/request-validation.ts';
import { checkAgent, checkTool } from './checked-agent.ts';

/** Throws `invalid_request` for steps that cannot work, and for agents and tools in them as `checkAgent` does. */
export async function checkSteps(
  { flows }: { flows: Pick<Engine['flows'], 'faults'> },
  steps: readonly FlowStep[],
  path: string,
): Promise<void> {
  const faults = await flows.faults(steps);
  if (faults.length > 0) {
    throw invalidRequest(
      faults.map((fault) => ({ path: joinPath(path, fault.path), message: fault.message })),
    );
  }
  for (const { step, path: place } of placedSteps(steps)) {
    if (step.type === 'agent' && typeof step.agent === 'object')
      checkAgent(step.agent, joinPath(path, [...place, 'agent']));
    if (step.type === 'tool') checkTool(step.tool, joinPath(path, [...place, 'tool']));
  }
}
