import { EngineError, Fenced } from '../engine/errors.ts';
import { runFields } from './segment-context.ts';
import type { ClaimedRun, SegmentDeps } from './segment-ports.ts';

export interface GiveBack {
  reason: 'drain' | 'unknown_version';
  /** Not to be driven before, ms from now. */
  afterMs: number;
}

const TRIES = 10;
const FIRST_DELAY_MS = 100;
const LAST_DELAY_MS = 5_000;

/**
 * Gives the run back, so that another segment drives it. Never rejects: a run that is not this segment's any more
 * needs nothing, and one that cannot be given back is found by the sweep.
 */
export async function giveBack(deps: SegmentDeps, claimed: ClaimedRun, back: GiveBack): Promise<void> {
  const { runId, epoch, claim } = claimed;
  for (let tries = 1; ; tries += 1) {
    try {
      await deps.committer.commit({
        runId,
        organizationId: null,
        commands: [{ type: 'giveBack', ...back }],
        segment: { epoch, claim },
      });
      return;
    } catch (error) {
      if (error instanceof Fenced) return;
      const isOutage = error instanceof EngineError && error.code === 'unavailable';
      if (!isOutage || tries >= TRIES) {
        deps.log.error({ ...runFields(claimed), error }, 'a run could not be given back');
        return;
      }
      const delayMs = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** (tries - 1));
      await deps.clock.sleep(delayMs, new AbortController().signal);
    }
  }
}

const FAILURE_DELAY_MS = 5_000;
const LONGEST_FAILURE_DELAY_MS = 300_000;
const MEMORY_MS = 1_800_000;

/** A run whose segments keep failing is driven ever later, milliseconds: 5 s, doubled by each return of late. */
export async function delayAfterFailure(deps: SegmentDeps, { runId }: ClaimedRun): Promise<number> {
  try {
    const returns = await deps.events.page(runId, { types: ['segment.returned'], order: 'desc', limit: 10 });
    const since = new Date(deps.clock.now() - MEMORY_MS).toISOString();
    const recent = returns.filter((event) => event.at > since).length;
    return Math.min(LONGEST_FAILURE_DELAY_MS, FAILURE_DELAY_MS * 2 ** recent);
  } catch {
    return FAILURE_DELAY_MS;
  }
}
