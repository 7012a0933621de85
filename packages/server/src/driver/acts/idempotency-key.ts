import type { Segment } from '../segment-context.ts';
import type { PlannedRequest } from './call-plan.ts';

/**
 * The key under which a call is requested: `<run id>:<turn>:<call id>`. A call that was requested before keeps its
 * key, which in a fork is that of the run that started it.
 */
export async function idempotencyKeyOf(
  { deps, log, run }: Segment,
  { call, requested }: PlannedRequest,
): Promise<string> {
  if (requested > 0) {
    const started = await deps.events.page(run.runId, { types: ['tool.started'], order: 'desc', limit: 500 });
    for (const event of started) {
      if (event.type === 'tool.started' && event.data.callId === call.callId)
        return event.data.idempotencyKey;
    }
  }
  return `${run.runId}:${log.state.turn.number}:${call.callId}`;
}
