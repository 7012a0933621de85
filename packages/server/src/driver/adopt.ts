import type { CommitPort } from '../engine/commit.ts';
import type { DispatchRow, PresenceLook, PresencePort, SweepReads } from '../engine/ports.ts';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { logUnexpected } from './claim-refusal.ts';
import type { PresenceView } from './presence.ts';
import { Loop } from './sweep-loop.ts';

export interface AdoptionOptions {
  presence: PresenceView;
  port: PresencePort;
  committer: CommitPort;
  reads: Pick<SweepReads, 'abandoned'>;
  /** Gives the jobs back that dead workers hold. */
  releaseWorkers: (workerIds: readonly string[]) => Promise<void>;
  /** The database is our own embedded server: nobody else's process can be reconnecting to it. */
  isEmbedded: boolean;
  logger: Logger;
  metrics: Metrics;
  /** 500 ms unless given. */
  lookEveryMs?: number;
  /** How long others get to take their locks again after what took them all, ms. 5 s unless given. */
  serverUpMs?: number;
}

const SLICE = 100;

/**
 * Finds processes that have died, and takes their runs. A process is dead when its lock was free in two looks in a
 * row, at a time when our own was held and the server was not just starting; the look that declares it dead holds
 * its lock, so that it cannot come back in between.
 */
export class Adoption implements AsyncDisposable {
  readonly #options: AdoptionOptions;
  readonly #loop: Loop;
  /** Missing in the look before. */
  #suspected: ReadonlySet<string> = new Set();
  #looks = 0;

  constructor(options: AdoptionOptions) {
    this.#options = options;
    this.#loop = new Loop({
      round: () => this.#look(),
      everyMs: options.lookEveryMs ?? 500,
      logger: options.logger,
      what: 'the other processes cannot be looked at now',
    });
  }

  /**
   * Takes every run that is claimed by an executor that is dead or unknown; any process may, also when another one
   * declared it dead. Returns how many it took.
   */
  async adoptAbandoned(): Promise<number> {
    let adopted = 0;
    for (;;) {
      const rows = await this.#options.reads.abandoned(SLICE);
      const taken = (await Promise.all(rows.map((row) => this.#adopt(row)))).filter(Boolean).length;
      adopted += taken;
      // A slice of which none could be taken would come again for ever.
      if (rows.length < SLICE || taken === 0) break;
    }
    if (adopted > 0) {
      this.#options.metrics.adopted('dead', adopted);
      this.#options.logger.info({ runs: adopted }, 'runs of dead processes were taken over');
    }
    return adopted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
  }

  async #look(): Promise<void> {
    const { port, presence, logger, metrics } = this.#options;
    let look: PresenceLook;
    try {
      look = await port.look(presence.current.executorId);
    } catch (error) {
      this.#suspected = new Set();
      throw error;
    }
    const before = this.#suspected;
    let died = false;
    this.#suspected = this.#mayConclude(look)
      ? new Set(look.missing.map(({ executorId }) => executorId))
      : new Set();
    for (const { executorId, name } of look.missing) {
      if (!before.has(executorId) || !this.#suspected.has(executorId)) continue;
      if (!(await port.declareDead(executorId))) continue;
      died = true;
      metrics.executorDied();
      logger.warn({ executorId, name }, 'a process is dead: its runs are taken over');
    }
    if (died) await this.adoptAbandoned();
    // Now and then also for those that another process has declared dead, and died itself before it was done.
    if (died || this.#looks++ % 10 === 0) await this.#releaseJobs();
  }

  #mayConclude(look: PresenceLook): boolean {
    const { presence, isEmbedded, serverUpMs = 5000 } = this.#options;
    if (!look.ownLockSeen || !presence.isPresent(5000)) return false;
    // Nobody else comes back to a database that is ours alone.
    if (isEmbedded) return true;
    const { recoveredAt } = presence;
    if (recoveredAt !== null && performance.now() - recoveredAt < serverUpMs) return false;
    return look.serverUpMs >= serverUpMs;
  }

  async #adopt({ runId, epoch, claim, executorId }: DispatchRow): Promise<boolean> {
    try {
      await this.#options.committer.commit({
        runId,
        organizationId: null,
        commands: [{ type: 'adopt', executorId, reason: 'dead' }],
        expect: { epoch, claim },
      });
      return true;
    } catch (error) {
      logUnexpected(this.#options.logger, error, { runId }, 'a run of a dead process cannot be taken now');
      return false;
    }
  }

  async #releaseJobs(): Promise<void> {
    const { port, releaseWorkers } = this.#options;
    for (const { executorId, workerIds } of await port.unreleased()) {
      await releaseWorkers(workerIds);
      await port.released(executorId);
    }
  }
}
