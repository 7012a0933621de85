import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findUsableBinaries } from './binaries.ts';
import {
  adminClient,
  bringUp,
  inspectCluster,
  stopCluster,
  SUPERUSER,
  type Cluster,
  type Endpoint,
} from './cluster.ts';
import { DataDirectoryLock } from './data-directory-lock.ts';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { findPlacement, writePointer, type PlacementOptions } from './placement.ts';
import { removeServerPid, writeServerPid } from './server-pid-file.ts';

/** How to reach the embedded database; both `postgres` and `pg` take this object as options. */
export interface EmbeddedConnection {
  /** The folder of the unix socket. */
  host: string;
  port: number;
  user: string;
  database: string;
}

export interface EmbeddedPostgresOptions extends PlacementOptions {
  /** `FERMATA_DATA_DIR`; made when absent. */
  dataDir: string;
  /** The database to use, made when absent. */
  database?: string;
  /** PostgreSQL settings on top of the built-in ones. */
  settings?: Readonly<Record<string, string>>;
  startTimeoutMs?: number;
  /** PostgreSQL has died or thrown us out; it is being started again. */
  onDown?: () => void;
  /** One attempt to start it again has failed; the next one follows. */
  onRetry?: (error: unknown) => void;
  /** It is ready again, on the same connection settings. */
  onUp?: () => void;
  /** Another server has taken the data directory meanwhile: this process must end. */
  onLost?: (error: EmbeddedPostgresError) => void;
}

/**
 * A PostgreSQL server of our own: owned by one process at a time, outliving it when it is killed, started again
 * when PostgreSQL dies, and stopped by `stop()` alone.
 *
 * Modes: `up` (lock held), `recovering` (the lock's session has ended; one loop brings PostgreSQL up and takes the
 * lock again), `stopped` (nothing is restarted any more). `stopped` is final.
 */
export class EmbeddedPostgres implements AsyncDisposable {
  readonly connection: EmbeddedConnection;
  readonly version: string;
  readonly #cluster: Cluster;
  readonly #options: EmbeddedPostgresOptions;
  #endpoint: Endpoint;
  #lock: DataDirectoryLock | null = null;
  #mode: 'up' | 'recovering' | 'stopped' = 'up';
  #recovery: Promise<void> = Promise.resolve();
  readonly #abort = new AbortController();

  private constructor(cluster: Cluster, endpoint: Endpoint, options: EmbeddedPostgresOptions) {
    this.#cluster = cluster;
    this.#endpoint = endpoint;
    this.#options = options;
    this.version = cluster.binaries.version;
    this.connection = {
      host: endpoint.socketDir,
      port: endpoint.port,
      user: SUPERUSER,
      database: options.database ?? 'fermata',
    };
  }

  /** The process id of the PostgreSQL server. */
  get pid(): number {
    return this.#endpoint.pid;
  }

  get isUp(): boolean {
    return this.#mode === 'up';
  }

  /** Starts PostgreSQL on the data directory, or takes over one that a killed server left. */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const placement = await findPlacement(options.dataDir, options);
    await mkdir(placement.home, { recursive: true });
    const cluster: Cluster = {
      placement,
      binaries: await findUsableBinaries(placement.account, placement.home),
      pgData: join(await realpath(placement.home), 'postgres'),
      logFile: join(placement.home, 'postgres.log'),
      settings: options.settings ?? {},
      socketDir: null,
    };
    const endpoint = await bringUp(cluster, options.startTimeoutMs ?? 60_000);
    cluster.socketDir = endpoint.socketDir;
    await writePointer(options.dataDir, placement.home);
    const embedded = new EmbeddedPostgres(cluster, endpoint, options);
    await embedded.#takeLock();
    try {
      await embedded.#ensureDatabase();
      await writeServerPid(options.dataDir);
    } catch (error) {
      await embedded.stop();
      throw error;
    }
    return embedded;
  }

  async #takeLock(): Promise<void> {
    const lock = await DataDirectoryLock.acquire(this.#endpoint, () => this.#recover());
    if (lock instanceof DataDirectoryLock) {
      if (!lock.isHeld) throw new EmbeddedPostgresError('not_starting', 'PostgreSQL ended again at once');
      this.#lock = lock;
      return;
    }
    const who = lock.pid > 0 ? `as pid ${lock.pid} ` : '';
    throw new EmbeddedPostgresError(
      'already_running',
      `already running ${who}(data directory ${this.#options.dataDir})`,
    );
  }

  async #ensureDatabase(): Promise<void> {
    const sql = adminClient(this.#endpoint);
    try {
      const name = this.connection.database;
      const found = await sql`select 1 from pg_database where datname = ${name}`;
      if (found.length === 0) await sql`create database ${sql(name)}`;
    } finally {
      await sql.end({ timeout: 0 });
    }
  }

  #recover(): void {
    if (this.#mode !== 'up') return;
    this.#mode = 'recovering';
    this.#lock = null;
    this.#options.onDown?.();
    this.#recovery = this.#recoverUntilUp();
  }

  async #recoverUntilUp(): Promise<void> {
    for (let delayMs = 50; !this.#abort.signal.aborted; delayMs = Math.min(delayMs * 2, 5_000)) {
      try {
        this.#endpoint = await bringUp(this.#cluster, this.#options.startTimeoutMs ?? 60_000);
        if (this.#abort.signal.aborted) return;
        await this.#takeLock();
        this.#mode = 'up';
        this.#options.onUp?.();
        return;
      } catch (error) {
        if (error instanceof EmbeddedPostgresError && error.code === 'already_running') {
          this.#mode = 'stopped';
          this.#options.onLost?.(error);
          return;
        }
        this.#options.onRetry?.(error);
        await delay(delayMs, undefined, { signal: this.#abort.signal }).catch(() => {});
      }
    }
  }

  /**
   * Stops PostgreSQL. Sessions that are still open are ended by it. Our lock is kept until PostgreSQL is gone, so
   * that no other server can take the data directory in between.
   */
  async stop(): Promise<void> {
    if (this.#mode === 'stopped') return;
    this.#mode = 'stopped';
    this.#abort.abort();
    this.#lock?.expectLoss();
    await this.#recovery;
    if (await this.#ownsCluster()) await stopCluster(this.#cluster);
    await this.#lock?.[Symbol.asyncDispose]();
    await removeServerPid(this.#options.dataDir);
  }

  /** Whether nobody else has taken the data directory while PostgreSQL was down. */
  async #ownsCluster(): Promise<boolean> {
    if (this.#lock) return true;
    const found = await inspectCluster(this.#cluster);
    if (found.state !== 'ready') return found.state === 'busy';
    this.#endpoint = found.endpoint;
    return this.#takeLock().then(
      () => true,
      () => false,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
