import type { CommitPort } from '../engine/commit.ts';
import { EngineError } from '../engine/errors.ts';
import { sentCommand } from '../engine/outbox.ts';
import type { PendingOutbox, SweepReads } from '../engine/ports.ts';
import { crashPoint } from '../observe/crash-point.ts';
import type { Logger } from '../observe/log.ts';
import { isExpectedRefusal, logUnexpected } from './claim-refusal.ts';

export interface OutboxDeliveryOptions {
  committer: CommitPort;
  reads: Pick<SweepReads, 'outboxOf'>;
  logger: Logger;
}

/** Receivers that are read at once, and rows of them. */
const RECEIVERS = 200;
const ROWS = 1000;

/**
 * Applies what commits on runs have left for other runs. For one receiver one row after the other, in order; row and
 * command are one commit, so two deliverers are harmless. What fails is left to the sweep, of whatever process.
 */
export class OutboxDelivery implements AsyncDisposable {
  readonly #options: OutboxDeliveryOptions;
  readonly #waiting = new Set<string>();
  /** Receivers to whom something is being delivered. */
  readonly #busy = new Map<string, Promise<void>>();
  #isReading = false;
  #reading: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: OutboxDeliveryOptions) {
    this.#options = options;
  }

  /** There is, or may be, something for these runs. */
  deliver(runIds: readonly string[]): void {
    if (this.#isClosed) return;
    for (const runId of runIds) this.#waiting.add(runId);
    if (this.#isReading) return;
    this.#isReading = true;
    this.#reading = this.#read();
  }

  /** Finishes the commits that are under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#reading;
    await Promise.all(this.#busy.values());
  }

  async #read(): Promise<void> {
    try {
      // The rest of the current tick joins the first read.
      await Promise.resolve();
      for (let runIds = this.#next(); runIds.length > 0 && !this.#isClosed; runIds = this.#next()) {
        for (const runId of runIds) this.#waiting.delete(runId);
        crashPoint('before-delivery');
        const rows = await this.#options.reads.outboxOf(runIds, ROWS);
        for (const runId of new Set(rows.map((row) => row.runId)))
          this.#begin(
            runId,
            rows.filter((row) => row.runId === runId),
          );
        if (rows.length === ROWS) for (const runId of runIds) this.#waiting.add(runId);
      }
    } catch (error) {
      logUnexpected(this.#options.logger, error, {}, 'the outbox cannot be read now');
    } finally {
      // In the same tick as the last look: what comes later is read anew.
      this.#isReading = false;
    }
  }

  /** Receivers to whom nothing is being delivered, since their rows are applied in order. */
  #next(): string[] {
    return [...this.#waiting].filter((runId) => !this.#busy.has(runId)).slice(0, RECEIVERS);
  }

  #begin(runId: string, rows: readonly PendingOutbox[]): void {
    const done = this.#apply(rows).finally(() => {
      this.#busy.delete(runId);
      if (this.#waiting.size > 0) this.deliver([]);
    });
    this.#busy.set(runId, done);
  }

  /** Stops at the first row that cannot be applied now: those after it must not go before it. */
  async #apply(rows: readonly PendingOutbox[]): Promise<void> {
    const { committer, logger } = this.#options;
    for (const { id, runId, senderId, command: stored } of rows) {
      const fields = { runId, senderId, outboxId: id };
      const command = sentCommand(stored);
      if (command === null) {
        logger.warn(fields, 'a command of a newer version is left for a newer process');
        return;
      }
      try {
        await committer.commit({ runId, organizationId: null, commands: [command], outboxId: id });
      } catch (error) {
        if (!isExpectedRefusal(error)) {
          logUnexpected(logger, error, fields, 'a command of another run cannot be applied now');
          return;
        }
        const code = error instanceof EngineError ? error.code : 'fenced';
        logger.info(
          { ...fields, type: command.type, code },
          'a command of another run was refused, and dropped',
        );
      }
    }
  }
}
