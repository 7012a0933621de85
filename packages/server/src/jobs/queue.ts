import { runMigrations } from 'graphile-worker';
import { Pool, type PoolConfig } from 'pg';
import type { Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { DriveJob, JobQueue, JobWorker, NewJob, SqlStatement, WorkerOptions } from './port.ts';
import { backgroundSpec, driveSpec, statementOf } from './statement.ts';
import { workerLogger } from './worker-log.ts';
import { GraphileJobWorker } from './worker.ts';

export interface JobQueueOptions {
  /** Where the database is, for node-postgres. */
  connection: PoolConfig;
  logger: Logger;
  metrics: Metrics;
  /** Sessions: one listens, the others take and finish jobs. 4 unless given. */
  poolSize?: number;
}

const MAINTAIN_EVERY_MS = 3_600_000;

/** Brings the queue's own schema up to date. Under the migration lock, when several processes may do it. */
export async function migrateJobQueue(connectionString: string, logger?: Logger): Promise<void> {
  await runMigrations({
    connectionString,
    taskList: {},
    ...(logger === undefined ? {} : { logger: workerLogger(logger) }),
  });
}

/** Graphile Worker behind our port, with a pool of its own. */
export class GraphileJobQueue implements JobQueue {
  readonly #pool: Pool;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #workers = new Set<JobWorker>();
  #housekeeping: NodeJS.Timeout | null = null;

  constructor(options: JobQueueOptions) {
    this.#logger = options.logger.child({ part: 'jobs' });
    this.#metrics = options.metrics;
    this.#pool = new Pool({
      ...options.connection,
      application_name: 'fermata jobs',
      max: options.poolSize ?? 4,
      connectionTimeoutMillis: 10_000,
      statement_timeout: 10_000,
      idle_in_transaction_session_timeout: 5000,
      keepAlive: true,
    });
    // A session that breaks while nobody uses it must not end the process.
    this.#pool.on('error', (error) => this.#logger.debug({ err: error }, 'an idle session was lost'));
    this.#pool.on('connect', (client) => {
      client.on('error', (error) => this.#logger.debug({ err: error }, 'a session was lost'));
    });
  }

  driveStatement(jobs: readonly DriveJob[]): SqlStatement | null {
    return statementOf(jobs.map(driveSpec));
  }

  addStatement(jobs: readonly NewJob[], onlyIf?: string): SqlStatement | null {
    return statementOf(jobs.map(backgroundSpec), onlyIf);
  }

  async add(jobs: readonly NewJob[]): Promise<void> {
    await this.#execute(this.addStatement(jobs));
  }

  startWorker(options: WorkerOptions): JobWorker {
    const worker = new GraphileJobWorker(
      {
        pool: this.#pool,
        logger: this.#logger,
        metrics: this.#metrics,
        addDrive: (job) => this.#execute(this.driveStatement([job])),
        add: (job) => this.add([job]),
        releaseWorkers: (workerIds) => this.releaseWorkers(workerIds),
      },
      options,
    );
    this.#workers.add(worker);
    this.#housekeeping ??= setInterval(() => void this.#maintainQuietly(), MAINTAIN_EVERY_MS).unref();
    return worker;
  }

  async releaseWorkers(workerIds: readonly string[]): Promise<void> {
    if (workerIds.length === 0) return;
    await this.#pool.query('select graphile_worker.force_unlock_workers($1::text[])', [workerIds]);
  }

  /**
   * Housekeeping, once an hour while a worker runs. Every adding of a job takes a number of the integer sequence behind the
   * (few) task names, and at 2^31 nothing can be added any more: long before, the sequence is set back.
   * Source: github.com/graphile/worker/issues/619.
   */
  async maintain(): Promise<void> {
    await this.#pool.query(
      `select setval(seq, (select coalesce(max(id), 0) + 1 from graphile_worker._private_tasks))
       from (select pg_get_serial_sequence('graphile_worker._private_tasks', 'id')::regclass as seq) as sequence
       where pg_sequence_last_value(seq) > 1000000000`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#housekeeping !== null) clearInterval(this.#housekeeping);
    for (const worker of this.#workers) await worker[Symbol.asyncDispose]();
    await this.#pool.end();
  }

  async #maintainQuietly(): Promise<void> {
    try {
      await this.maintain();
    } catch (error) {
      this.#logger.warn({ err: error }, 'the job queue cannot be maintained now');
    }
  }

  async #execute(statement: SqlStatement | null): Promise<void> {
    if (statement !== null) await this.#pool.query(statement.text, statement.values);
  }
}
