import { isJsonObject, type Actor, type Json, type PlanStep } from '@fermata/protocol';
import { UPDATE_STEP } from '../../agent/tools/plan-tools.ts';
import type { NewPlanStep, PlanChange } from '../../engine/plan.ts';
import type { Segment } from '../segment-context.ts';
import type { PlannedRequest } from './call-plan.ts';

/** The change of the plan and the result of the call are one commit; a change that is refused fails the call. */
export async function commitPlanCall(
  segment: Segment,
  { call }: PlannedRequest,
  output: Json,
): Promise<void> {
  const { callId } = call;
  const by: Actor = { type: 'agent', id: segment.run.runId, name: segment.agent.name };
  const change = planChangeOf(call.tool, call.args);
  const done = await segment.commit([
    { type: 'plan', by, change },
    { type: 'completeCall', callId, output },
  ]);
  if (done.kind !== 'refused') return;
  const error = { code: 'tool_failed', message: done.error.message };
  const failed = await segment.commit([{ type: 'failCall', callId, error }]);
  if (failed.kind === 'refused') throw failed.error;
}

/** The change that a call asks for; its arguments have been checked against the tool's schema. */
function planChangeOf(tool: string, args: Json): PlanChange {
  const given = isJsonObject(args) ? args : {};
  if (tool === UPDATE_STEP) {
    const status = given['status'] as PlanStep['status'];
    return { kind: 'update', stepId: String(given['id']), patch: { status } };
  }
  const steps = Array.isArray(given['steps']) ? given['steps'].filter(isJsonObject) : [];
  return {
    kind: 'extend',
    steps: steps.map((step): NewPlanStep => {
      const parent = step['parent_id'];
      return {
        id: String(step['id']),
        description: String(step['description']),
        sequence: 0,
        parentStepId: typeof parent === 'string' ? parent : null,
        metadata: {},
      };
    }),
  };
}
