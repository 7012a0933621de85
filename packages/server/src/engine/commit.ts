import type { Run, RunEvent, Wait } from '@fermata/protocol';
import type { Command } from './commands.ts';
import type { Decision } from './deciders/refuse.ts';
import type { Dispatch } from './dispatch.ts';
import type { Idempotency } from './caller.ts';
import type { NewRun } from './new-run.ts';
import type { RunState } from './state.ts';

/** One commit on one run: a new one, or commands on an existing one, all or none. */
export type CommitRequest = CommitTarget & {
  /** Kept for repeats of the request: looked up and written in the same transaction. */
  idempotency?: {
    key: Pick<Idempotency, 'scope' | 'fingerprint'>;
    encode(result: CommitResult): { status: number; body: string };
  };
  /** Not begun after this time (ms since 1970): `unavailable`. */
  deadlineAt?: number;
  /** The reply shows the run and the wait: the wide row is read under the lock too. */
  view?: boolean;
};

export type CommitTarget =
  | { create: NewRun }
  | {
      runId: string;
      /** Strangers get `not_found`; null for the driver, which serves every organization. */
      organizationId: number | null;
      commands: Command[];
      /** A segment's commit: refused with `Fenced` when either is no longer the run's. */
      segment?: { epoch: number; claim: string };
      /** A `claim` command: `Fenced` unless the run is due, unclaimed, and (when given) of this epoch. */
      take?: { executorId: string; claim: string; epoch: number | null };
      /** The sweep's view of the run: `Fenced` when it has moved on since. */
      expect?: { epoch: number; claim: string | null };
      /**
       * The outbox row that the commands come from: deleted with them, and when they are refused. A row that is gone
       * has been applied, and the commands do nothing.
       */
      outboxId?: number;
    };

export interface CommitResult {
  state: RunState;
  /** What this commit appended; empty when nothing changed. */
  events: RunEvent[];
  /** One per command. */
  decisions: Decision[];
  dispatch: Dispatch;
  /** With `view`. */
  run: Run | null;
  /** With `view`: the waits that the commands name, as they are after the commit. */
  waits: Wait[];
  /** `create` with a `key` that was taken: the existing run. */
  existing: boolean;
}

/**
 * The one door: `commit()` locks the run row, decides, appends, projects, dispatches, commits, and tells the
 * others. Rejects with `EngineError`, `Fenced` or `ReplayedReply`; then nothing was changed.
 */
export interface CommitPort {
  commit(request: CommitRequest): Promise<CommitResult>;
}

/** What the committer asks of and tells the process around it. All are synchronous and must not throw. */
export interface CommitListener {
  /** A run has become due: may this process claim it in this very commit? Called under the lock. */
  offer(organizationId: number): { executorId: string; claim: string } | null;
  /** The offer came to nothing: the batch failed or was decided anew. */
  withdraw(claim: string): void;
  /** The commit is durable and this process holds the claim: start a segment. */
  claimed(run: {
    runId: string;
    organizationId: number;
    epoch: number;
    claim: string;
    state: RunState;
  }): void;
  /** The commit is durable, and has left commands for these runs in the outbox. */
  sent?(runIds: readonly string[]): void;
  /** The commit is durable. In order of seq for one run. */
  committed(commit: { state: RunState; events: readonly RunEvent[]; dispatch: Dispatch }): void;
}
