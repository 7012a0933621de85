import { connect, type Socket } from 'node:net';
import postgres from 'postgres';
import { postgresUrl, type DatabaseTarget } from './database-target.ts';
import { ConnectionLost, VALUE_TYPES, type Sql } from './sql.ts';

export interface SessionOptions {
  /** Shown as `fermata <part>` in `pg_stat_activity`. */
  part: string;
  /** Session settings on top of, or instead of, the usual ones; times in ms. */
  settings?: SessionSettings;
  connectTimeoutMs?: number;
  onNotify?: (channel: string, payload: string) => void;
}

export interface SessionSettings {
  statement_timeout?: number;
  lock_timeout?: number;
  idle_session_timeout?: number;
  idle_in_transaction_session_timeout?: number;
  synchronous_commit?: 'on' | 'off';
}

const SETTINGS = {
  TimeZone: 'UTC',
  DateStyle: 'ISO',
  statement_timeout: 10_000,
  idle_in_transaction_session_timeout: 5_000,
};

/**
 * One physical connection, never made again: what runs on it, transactions and locks included, runs there or
 * fails.
 *
 * `postgres` makes a lost connection anew by itself. Statements of a transaction that were queued behind a full
 * socket then run on the new connection, each on its own; and its `begin` and `reserve` write to the socket that
 * is gone, which no caller can catch. So each session is a client of its own whose socket can be opened once: when
 * that is lost, every pending and later statement is rejected, and the client is thrown away.
 */
export class Session implements AsyncDisposable {
  readonly #client: Sql;
  readonly #lost = new AbortController();
  #socket: Socket | null = null;
  #isClosing = false;
  /** Process id of the server's backend. */
  backendPid = 0;

  private constructor(target: DatabaseTarget, options: SessionOptions) {
    let isUsed = false;
    const timeoutMs = options.connectTimeoutMs ?? 10_000;
    const clientOptions: ClientOptions = {
      max: 1,
      max_lifetime: null,
      max_pipeline: 1000,
      connect_timeout: Math.ceil(timeoutMs / 1000),
      backoff: () => 0,
      types: VALUE_TYPES,
      fetch_types: false,
      connection: { application_name: `fermata ${options.part}`, ...SETTINGS, ...options.settings },
      onnotice: () => {},
      ...(options.onNotify === undefined ? {} : { onnotify: options.onNotify }),
      onclose: () => this.#onClose(),
      socket: async (resolved: ResolvedAddress): Promise<Socket> => {
        if (isUsed) throw new ConnectionLost();
        isUsed = true;
        this.#socket = await openSocket(resolved, timeoutMs);
        return this.#socket;
      },
    };
    if (typeof target === 'string') {
      const { url, place } = postgresUrl(target);
      this.#client = postgres(url, { ...clientOptions, ...place });
    } else {
      this.#client = postgres({ ...target, ...clientOptions });
    }
  }

  /** Rejects with the error of `postgres` or of the socket when no connection can be made. */
  static async open(target: DatabaseTarget, options: SessionOptions): Promise<Session> {
    const session = new Session(target, options);
    try {
      const [row] = await session.#client<{ pid: number }[]>`select pg_backend_pid() as pid`;
      session.backendPid = row?.pid ?? 0;
    } catch (error) {
      await session.close();
      throw error;
    }
    return session;
  }

  /** For statements, which may be pipelined. Throws `ConnectionLost` once the session is gone. */
  get sql(): Sql {
    if (this.isGone) throw new ConnectionLost();
    return this.#client;
  }

  get isGone(): boolean {
    return this.#isClosing || this.#lost.signal.aborted;
  }

  /** Aborts when the connection is lost; not when it is closed by `close`. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Cuts the connection at once, as when it does not answer. Pending statements are rejected. */
  abandon(): void {
    this.#onClose();
    this.#socket?.destroy();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#client.end({ timeout: 1 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #onClose(): void {
    if (this.isGone) return;
    this.#lost.abort(new ConnectionLost());
    // Rejects what waits in the client's queue, which would otherwise wait for ever.
    void this.#client.end({ timeout: 0 }).catch(() => {});
  }
}

/** Options that the package has and its types lack. */
type ClientOptions = postgres.Options<typeof VALUE_TYPES> & {
  socket: (resolved: ResolvedAddress) => Promise<Socket>;
  max_pipeline: number;
  onnotify?: (channel: string, payload: string) => void;
};

/** The options as `postgres` has parsed them. */
interface ResolvedAddress {
  path: string | false | undefined;
  host: string[];
  port: number[];
}

/** Connects to the first of the hosts that answers. The socket carries `host`, which `postgres` needs for TLS. */
async function openSocket(address: ResolvedAddress, timeoutMs: number): Promise<Socket> {
  if (typeof address.path === 'string') return connected(connect(address.path), timeoutMs);
  let failure: unknown = new ConnectionLost();
  for (const [index, host] of address.host.entries()) {
    try {
      const port = address.port[index] ?? address.port[0] ?? 5432;
      const socket = connect({ host, port, noDelay: true });
      return Object.assign(await connected(socket, timeoutMs), { host, port });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function connected(socket: Socket, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const error = new Error('the database did not accept the connection in time');
      socket.destroy(Object.assign(error, { code: 'CONNECT_TIMEOUT' }));
    }, timeoutMs);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}
