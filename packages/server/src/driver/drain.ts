import type { CommitPort } from '../engine/commit.ts';
import type { SweepReads } from '../engine/ports.ts';
import type { Logger } from '../observe/log.ts';
import { logUnexpected } from './claim-refusal.ts';
import { claimedRuns } from './executor-watch.ts';
import type { Executor } from './executor.ts';
import type { Presence } from './presence.ts';

export interface DrainOptions {
  /** `/readyz` answers 503 from now on. */
  notReady: () => void;
  executor: Pick<Executor, 'executorId' | 'stopClaiming' | 'settled' | 'abortSegments'>;
  /** Takes no more jobs; those that run past the limit are aborted. */
  jobWorker: { stop(limitMs: number): Promise<void> };
  committer: CommitPort;
  reads: Pick<SweepReads, 'claimedBy'>;
  /** Watch, sweep and adoption: they stop once no run of ours is left. */
  loops: readonly AsyncDisposable[];
  presence: Pick<Presence, 'leave'>;
  /** Streams tail the runs that others now drive, and end last. */
  endStreams: () => Promise<void>;
  logger: Logger;
  /** How long steps may take to come to an end (`FERMATA_DRAIN_MS`). */
  limitMs: number;
  /** How long aborted segments may take to give back, ms. 2 s unless given. */
  graceMs?: number;
}

/**
 * Hands everything over to the other processes, or to the next start. Every run is given back before the presence
 * ends, so that nobody has to adopt it; the committer and the database are still there when this resolves. A part
 * that fails is logged, and the rest is done.
 */
export async function drain(options: DrainOptions): Promise<void> {
  const { executor, jobWorker, presence, loops, limitMs, graceMs = 2000 } = options;
  const part = (what: string, run: () => Promise<unknown>): Promise<void> =>
    attempt(options.logger, what, run);
  options.notReady();
  executor.stopClaiming();
  const jobsStopped = part('stop the job worker', () => jobWorker.stop(limitMs));
  await executor.settled(limitMs);
  executor.abortSegments();
  await executor.settled(graceMs);
  await jobsStopped;
  await part('give the rest back', () => giveBackRest(options));
  for (const loop of loops) await part('stop a loop', async () => loop[Symbol.asyncDispose]());
  await part('leave', () => presence.leave());
  await part('end the streams', () => options.endStreams());
}

async function attempt(logger: Logger, what: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    logger.warn({ err: error, what }, 'a part of the shutdown failed');
  }
}

/** Runs of segments that did not end, or did not give back: they would else wait for our death to be noticed. */
async function giveBackRest(options: DrainOptions): Promise<void> {
  const { reads, executor, committer, logger } = options;
  const rows = await claimedRuns(reads, executor.executorId);
  await Promise.all(
    rows.map(async ({ runId, epoch, claim }) => {
      if (claim === null) return;
      try {
        await committer.commit({
          runId,
          organizationId: null,
          commands: [{ type: 'giveBack', reason: 'drain', afterMs: 0 }],
          segment: { epoch, claim },
        });
      } catch (error) {
        logUnexpected(logger, error, { runId }, 'a run cannot be given back');
      }
    }),
  );
}
