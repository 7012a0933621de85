import type { CommitPort } from '../engine/commit.ts';
import type { CommandOf } from '../engine/commands.ts';
import { EngineError } from '../engine/errors.ts';
import type { Logger } from '../observe/log.ts';
import { logUnexpected } from './claim-refusal.ts';

export interface LateOutcome {
  runId: string;
  organizationId: number;
  callId: string;
  tool: string;
  outcome: CommandOf<'lateOutcome'>['outcome'];
}

const TRIES_AFTER_MS = [0, 200, 1000, 5000];

/**
 * The outcome of a call that came when its segment had lost the run: it resolves the call's open `in_doubt` wait,
 * or is only logged. Names neither epoch nor claim. Resolves in any case; false when it could not be recorded.
 */
export async function recordLateOutcome(
  deps: { committer: CommitPort; logger: Logger },
  { runId, organizationId, callId, tool, outcome }: LateOutcome,
): Promise<boolean> {
  for (const afterMs of TRIES_AFTER_MS) {
    if (afterMs > 0) await pause(afterMs);
    try {
      await deps.committer.commit({
        runId,
        organizationId,
        commands: [{ type: 'lateOutcome', callId, tool, outcome }],
      });
      return true;
    } catch (error) {
      if (error instanceof EngineError && error.code === 'unavailable') continue;
      logUnexpected(deps.logger, error, { runId, callId }, 'a late outcome cannot be recorded');
      return false;
    }
  }
  deps.logger.warn({ runId, callId }, 'a late outcome was lost: the database could not be reached');
  return false;
}

/** Does not keep the process alive. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms).unref());
}
