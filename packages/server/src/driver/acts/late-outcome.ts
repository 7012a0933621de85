import type { Json, RunError } from '@fermata/protocol';
import { EngineError } from '../../engine/errors.ts';
import { runFields, type Segment } from '../segment-context.ts';

export type KnownOutcome = { output: Json } | { error: RunError };

const TRIES = 5;
const DELAY_MS = 500;

/**
 * The outcome of a call that became known after the run was taken from this segment: it resolves the call's open
 * `in_doubt` wait, or is only logged. Never rejects: nobody depends on it.
 */
export async function commitLateOutcome(
  { deps, run }: Segment,
  late: { callId: string; tool: string; outcome: KnownOutcome },
): Promise<void> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    try {
      const { runId } = run;
      await deps.committer.commit({
        runId,
        organizationId: null,
        commands: [{ type: 'lateOutcome', ...late }],
      });
      return;
    } catch (error) {
      const isWorthTrying = error instanceof EngineError && error.code === 'unavailable' && tries < TRIES;
      if (!isWorthTrying) {
        deps.log.warn(
          { ...runFields(run), callId: late.callId, error },
          'a late outcome could not be committed',
        );
        return;
      }
      await deps.clock.sleep(DELAY_MS, new AbortController().signal);
    }
  }
}
