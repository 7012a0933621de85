import { systemActor } from '@fermata/protocol';
import { PROPOSE_PLAN } from '../../agent/tools/builtin-tools.ts';
import type { Segment } from '../segment-context.ts';

/** What a run says whose plan nobody has reviewed in time. */
export const REVIEW_TIMED_OUT = 'Review timed out';

/**
 * Ends a run whose proposed plan nobody has reviewed in time: without a review there is nothing that it may do. True:
 * there is no turn to be made. Only a wait with a deadline comes to this.
 */
export async function endUnreviewed(segment: Segment): Promise<boolean> {
  const last = segment.log.messages().at(-1);
  const isUnreviewed = last?.calls.some(
    (call) => call.tool === PROPOSE_PLAN && call.state === 'denied' && call.error?.code === 'expired',
  );
  if (isUnreviewed !== true) return false;
  const by = systemActor('driver');
  await segment.commit([
    {
      type: 'report',
      by,
      status: 'succeeded',
      output: REVIEW_TIMED_OUT,
      summary: undefined,
      error: undefined,
      reopen: false,
      reason: REVIEW_TIMED_OUT,
    },
  ]);
  return true;
}
