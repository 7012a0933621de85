import type { CommitPort } from '../engine/commit.ts';
import type { DispatchRow, SweepReads } from '../engine/ports.ts';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { logUnexpected } from './claim-refusal.ts';
import type { Executor } from './executor.ts';
import { Loop } from './sweep-loop.ts';

export interface ExecutorWatchOptions {
  executor: Executor;
  committer: CommitPort;
  reads: Pick<SweepReads, 'claimedBy'>;
  logger: Logger;
  metrics: Metrics;
  /** 1 s unless given. */
  everyMs?: number;
  /** How long a claim without a segment is left alone, ms. 2 s unless given. */
  orphanAfterMs?: number;
}

const PAGE = 500;

/**
 * Once a second one query over the runs that this process has claimed: which were changed elsewhere without a hint,
 * which segments have lost their claim, which claims have lost their segment.
 */
export class ExecutorWatch implements AsyncDisposable {
  readonly #options: ExecutorWatchOptions;
  /** Claims of ours without a segment, and when they were first seen, by `performance.now()`. */
  readonly #strays = new Map<string, number>();
  readonly #loop: Loop;

  constructor(options: ExecutorWatchOptions) {
    this.#options = options;
    this.#loop = new Loop({
      round: () => this.#look(),
      everyMs: options.everyMs ?? 1000,
      logger: options.logger,
      what: 'the claimed runs cannot be read now',
    });
  }

  /** Looks at once; a look that is under way is followed by another. */
  now(): void {
    this.#loop.now();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
  }

  async #look(): Promise<void> {
    const { executor, reads } = this.#options;
    // Registered before the query begins: a claim that it does not find is gone.
    const known = executor.segments;
    const rows = await claimedRuns(reads, executor.executorId);
    const claims = new Set(rows.map((row) => row.claim));
    for (const segment of known) {
      if (!claims.has(segment.claim) && !segment.isReleased) segment.fence('the claim is gone');
    }
    for (const row of rows) executor.segmentOf(row.claim ?? '')?.onRow(row.head);
    await this.#adoptStrays(rows);
  }

  async #adoptStrays(rows: readonly DispatchRow[]): Promise<void> {
    const now = performance.now();
    const seen = new Map<string, number>();
    const orphans: DispatchRow[] = [];
    for (const row of rows) {
      if (row.claim === null || this.#options.executor.knows(row.claim)) continue;
      const since = this.#strays.get(row.claim) ?? now;
      seen.set(row.claim, since);
      if (now - since >= (this.#options.orphanAfterMs ?? 2000)) orphans.push(row);
    }
    this.#strays.clear();
    for (const [claim, since] of seen) this.#strays.set(claim, since);
    await Promise.all(orphans.map((row) => this.#adopt(row)));
  }

  async #adopt({ runId, epoch, claim, executorId }: DispatchRow): Promise<void> {
    const { committer, logger, metrics } = this.#options;
    try {
      await committer.commit({
        runId,
        organizationId: null,
        commands: [{ type: 'adopt', executorId, reason: 'orphaned' }],
        expect: { epoch, claim },
      });
      metrics.adopted('orphaned', 1);
      logger.warn({ runId, epoch }, 'a claim without a segment was released');
    } catch (error) {
      logUnexpected(logger, error, { runId }, 'a claim without a segment cannot be released');
    }
  }
}

/** Every run that the executor has claimed. */
export async function claimedRuns(
  reads: Pick<SweepReads, 'claimedBy'>,
  executorId: string,
): Promise<DispatchRow[]> {
  const rows: DispatchRow[] = [];
  for (let after: string | undefined; ;) {
    const page = await reads.claimedBy(executorId, PAGE, after);
    rows.push(...page);
    after = page.at(-1)?.runId;
    if (page.length < PAGE || after === undefined) return rows;
  }
}
