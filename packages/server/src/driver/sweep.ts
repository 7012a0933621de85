import { systemActor } from '@fermata/protocol';
import type { CommitPort, CommitTarget } from '../engine/commit.ts';
import type { DispatchRow, Retention, SweepReads } from '../engine/ports.ts';
import type { Logger } from '../observe/log.ts';
import type { ClaimSource, Metrics } from '../observe/metrics.ts';
import type { Adoption } from './adopt.ts';
import { logUnexpected } from './claim-refusal.ts';
import { driveRun } from './claim.ts';
import type { Executor } from './executor.ts';
import { Loop } from './sweep-loop.ts';

export interface SweepOptions {
  executor: Executor;
  committer: CommitPort;
  reads: Omit<SweepReads, 'claimedBy' | 'abandoned' | 'outboxOf'>;
  adoption: Pick<Adoption, 'adoptAbandoned'>;
  retention: Retention;
  /** Runs of one organization that may be driven at the same time; null: as many as there is room for. */
  perOrganization: number | null;
  /** Begins to apply what commits on other runs have left for these. */
  deliver: (runIds: readonly string[]) => void;
  logger: Logger;
  metrics: Metrics;
  /** 1 s unless given. */
  everyMs?: number;
  /** How long the wake-up of a due run is waited for, ms. 5 s unless given. */
  graceMs?: number;
  /** Between two rounds of deleting what is old, ms. One minute unless given. */
  retentionEveryMs?: number;
}

const BY = systemActor('sweep');
const LIMIT = 500;
/** How long the process that left something for another run has to apply it itself. */
const OUTBOX_GRACE_MS = 500;
/** Between two rounds that deadlines have called for, ms: clocks differ, and a round must not become a spin. */
const SHORTEST_MS = 25;
const CLOCK_DIFFERENCE_MS = 250;

/**
 * Once a second, in every process: what is due by the clock, and the net under lost wake-ups. Whatever it commits
 * names the state that it has read, so two sweepers are harmless.
 */
export class Sweep implements AsyncDisposable {
  readonly #options: SweepOptions;
  readonly #loop: Loop;
  readonly #retention: Loop;
  readonly #refilling: Loop;
  readonly #withRoom = new Set<number>();

  constructor(options: SweepOptions) {
    this.#options = options;
    const { logger, everyMs = 1000, retentionEveryMs = 60_000 } = options;
    this.#loop = new Loop(
      { round: () => this.#round(), everyMs, logger, what: 'the sweep cannot run now' },
      0,
    );
    this.#retention = new Loop({
      round: () => this.#discard(),
      everyMs: retentionEveryMs,
      logger,
      what: 'old rows cannot be deleted now',
    });
    this.#refilling = new Loop({
      round: () => this.#refillPending(),
      everyMs: 60_000,
      logger,
      what: 'runs that wait for room cannot be driven now',
    });
  }

  /** A round at once, when something is known to have become due. */
  now(): void {
    this.#loop.now();
  }

  /** A run of this organization is not driven any more: one that waits for room in it may go on. */
  roomIn(organizationId: number): void {
    if (this.#options.perOrganization === null) return;
    this.#withRoom.add(organizationId);
    this.#refilling.now();
  }

  async #refillPending(): Promise<void> {
    for (const organizationId of this.#withRoom) {
      this.#withRoom.delete(organizationId);
      await this.#refill(organizationId);
    }
  }

  async #refill(organizationId?: number): Promise<void> {
    const { reads, perOrganization, executor } = this.#options;
    if (perOrganization === null || executor.room === 0) return;
    const limit = Math.min(LIMIT, executor.room);
    const rows = await reads.roomFor(perOrganization, limit, organizationId);
    await this.#drive('room', rows, 'sweep');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
    await this.#retention[Symbol.asyncDispose]();
    await this.#refilling[Symbol.asyncDispose]();
  }

  async #round(): Promise<number> {
    const { everyMs = 1000 } = this.#options;
    const startedAt = performance.now();
    await this.#part('due waits', () => this.#expireWaits());
    await this.#part('run deadlines', () => this.#exhaustDeadlines());
    await this.#part('abandoned runs', () => this.#options.adoption.adoptAbandoned());
    await this.#part('lost wake-ups', () => this.#driveForgotten());
    await this.#part('room in organizations', () => this.#refill());
    await this.#part('outbox', () => this.#deliverOutbox());
    const nextAt = await this.#options.reads.nextDeadline();
    const rest = Math.max(SHORTEST_MS, everyMs - (performance.now() - startedAt));
    const untilNextMs = nextAt === null ? Infinity : Date.parse(nextAt) - Date.now();
    // What is overdue by more than the difference of the clocks was not to be settled in this round either.
    if (untilNextMs < -CLOCK_DIFFERENCE_MS) return rest;
    return Math.max(SHORTEST_MS, Math.min(rest, untilNextMs));
  }

  /** One part that fails does not keep the others from being done. */
  async #part(what: string, run: () => Promise<unknown>): Promise<void> {
    try {
      await run();
    } catch (error) {
      logUnexpected(this.#options.logger, error, { what }, 'a part of the sweep cannot be done now');
    }
  }

  async #expireWaits(): Promise<void> {
    const rows = await this.#options.reads.dueWaits(LIMIT);
    await this.#commitAll('wait', rows, ({ runId, waitId, deadlineAt }) => ({
      runId,
      organizationId: null,
      commands: [{ type: 'expire', by: BY, waitId, expectedDeadlineAt: deadlineAt }],
    }));
  }

  async #exhaustDeadlines(): Promise<void> {
    const rows = await this.#options.reads.pastDeadline(LIMIT);
    await this.#commitAll('deadline', rows, ({ runId, epoch, claim }) => ({
      runId,
      organizationId: null,
      commands: [{ type: 'exhaust', by: BY, limit: 'deadlineAt' }],
      expect: { epoch, claim },
    }));
  }

  /** Claimed here: a job that was lost, or that nobody takes, is not needed for it. */
  async #driveForgotten(): Promise<void> {
    const { reads, executor, graceMs = 5000 } = this.#options;
    if (executor.room === 0) return;
    const rows = await reads.dueUnclaimed(graceMs, Math.min(LIMIT, executor.room));
    await this.#drive('due', rows, 'sweep');
  }

  async #drive(kind: string, rows: readonly DispatchRow[], source: ClaimSource): Promise<void> {
    if (rows.length === 0) return;
    const { executor, committer, logger, metrics } = this.#options;
    const deps = { executor, committer, logger, metrics };
    const results = await Promise.all(
      rows.map(({ runId, epoch, attempts }) => driveRun(deps, { runId, epoch, attempts, source })),
    );
    metrics.swept(kind, results.filter((result) => result === 'driven').length);
  }

  async #deliverOutbox(): Promise<void> {
    const { deliver, reads, metrics } = this.#options;
    const rows = await reads.undelivered(OUTBOX_GRACE_MS, LIMIT);
    if (rows.length > 0) deliver([...new Set(rows.map((row) => row.runId))]);
    metrics.swept('outbox', rows.length);
  }

  async #commitAll<R extends { runId: string }>(
    kind: string,
    rows: readonly R[],
    request: (row: R) => CommitTarget,
  ): Promise<void> {
    const { committer, logger, metrics } = this.#options;
    const done = await Promise.all(
      rows.map(async (row) => {
        try {
          const { events } = await committer.commit(request(row));
          return events.length > 0;
        } catch (error) {
          logUnexpected(logger, error, { runId: row.runId, kind }, 'what is due cannot be committed now');
          return false;
        }
      }),
    );
    metrics.swept(kind, done.filter(Boolean).length);
  }

  /** Slowly: each round deletes at most one slice of each kind. */
  async #discard(): Promise<void> {
    const { retention, metrics } = this.#options;
    const kinds = {
      replies: () => retention.expiredReplies(LIMIT),
      records: () => retention.expiredRecords(LIMIT),
      blobs: () => retention.unusedBlobs(LIMIT),
      executors: () => retention.deadExecutors(LIMIT),
      jobItems: () => retention.endedJobItems(LIMIT),
      rate_limits: () => retention.endedRateLimits(LIMIT),
      client_sessions: () => retention.expiredClientSessions(LIMIT),
      client_feedback: () => retention.oldClientFeedback(LIMIT),
      deliveries: () => retention.oldDeliveries(LIMIT),
    };
    for (const [kind, run] of Object.entries(kinds)) {
      await this.#part(kind, async () => metrics.swept(kind, await run()));
    }
  }
}
