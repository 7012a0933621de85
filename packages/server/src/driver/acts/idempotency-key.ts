import type { EventReads } from '../../engine/ports.ts';
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
  const started = requested > 0 ? await keysOfStartedCalls(deps.events, run.runId) : null;
  return started?.get(call.callId) ?? newCallKey(run.runId, log.state.turn.number, call.callId);
}

export function newCallKey(runId: string, turn: number, callId: string): string {
  return `${runId}:${turn}:${callId}`;
}

/** The keys of the calls that were requested last, by call id. */
export async function keysOfStartedCalls(
  events: Pick<EventReads, 'page'>,
  runId: string,
): Promise<Map<string, string>> {
  const started = await events.page(runId, { types: ['tool.started'], order: 'desc', limit: 500 });
  const keys = new Map<string, string>();
  for (const event of started) {
    if (event.type !== 'tool.started' || keys.has(event.data.callId)) continue;
    keys.set(event.data.callId, event.data.idempotencyKey);
  }
  return keys;
}
