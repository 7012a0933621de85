import { systemActor } from '@fermata/protocol';
import type { CommitPort } from '../engine/commit.ts';
import { EngineError } from '../engine/errors.ts';
import type { Logger } from '../observe/log.ts';
import { crashPoint } from '../observe/crash-point.ts';
import type { ClaimSource, Metrics } from '../observe/metrics.ts';
import { isExpectedRefusal } from './claim-refusal.ts';
import type { Executor } from './executor.ts';

const BY = systemActor('driver');

/** `full`: no room here. `suspect`: another suspect is being driven. `dropped`: the run does not need a driver. */
export type DriveResult = 'driven' | 'dropped' | 'full' | 'suspect' | 'failed';

export interface DriveDeps {
  executor: Executor;
  committer: CommitPort;
  logger: Logger;
  metrics: Metrics;
}

export interface DriveRequest {
  runId: string;
  /** The run is taken only in this epoch; null: in any, as long as it is due and unclaimed. */
  epoch: number | null;
  attempts: number;
  source: ClaimSource;
}

/**
 * Claims a run that is due and hands it to a segment. Room is kept before the commit, so that no claim of ours is
 * ever unknown to us; a run that is claimed, moved on or not due any more is left alone.
 */
export async function driveRun(deps: DriveDeps, request: DriveRequest): Promise<DriveResult> {
  const { executor, committer, metrics } = deps;
  const { runId, epoch, attempts, source } = request;
  const taken = executor.reserve(attempts, source);
  if (taken === 'full' || taken === 'suspect') return taken;
  crashPoint('before-claim');
  try {
    const { state, dispatch } = await committer.commit({
      runId,
      organizationId: null,
      commands: [{ type: 'claim', by: BY }],
      take: { ...taken, epoch },
    });
    if (dispatch.claim !== taken.claim) {
      executor.withdraw(taken.claim);
      return 'dropped';
    }
    // The committer has told the executor already, unless its batch did not.
    executor.claimed({
      runId,
      organizationId: state.organizationId,
      epoch: dispatch.epoch,
      claim: taken.claim,
      state,
    });
    return 'driven';
  } catch (error) {
    executor.withdraw(taken.claim);
    if (isExpectedRefusal(error)) return 'dropped';
    const unreachable = error instanceof EngineError && error.code === 'unavailable';
    deps.logger[unreachable ? 'debug' : 'error']({ err: error, runId }, 'a run cannot be claimed now');
    metrics.commitFailed('claim');
    return 'failed';
  }
}

/** How soon a `drive` job that could not be done is looked at again, ms. */
const AGAIN_MS = { full: 250, suspect: 1000, failed: 1000 } as const;

/** The task of a `drive` job: the claim alone. */
export function createDriveTask(
  deps: DriveDeps,
): (job: {
  runId: string;
  epoch: number;
  attempts: number;
}) => Promise<{ kind: 'done' } | { kind: 'again'; afterMs: number }> {
  return async ({ runId, epoch, attempts }) => {
    const result = await driveRun(deps, { runId, epoch, attempts, source: 'job' });
    switch (result) {
      case 'driven':
      case 'dropped':
        return { kind: 'done' };
      case 'full':
      case 'suspect':
      case 'failed':
        return { kind: 'again', afterMs: AGAIN_MS[result] };
    }
  };
}
