import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { inject } from 'vitest';
import type { TestDatabase } from './database.ts';

/** The message `CommandComplete` of a COMMIT. */
const COMMIT_DONE = Buffer.from('C\0\0\0\x0bCOMMIT\0', 'latin1');

/**
 * When the connection of one part of a server is cut: the reply to its next COMMIT is swallowed, or its next
 * statements that hold this text never reach the database.
 */
export type Cut = { part: string } & ({ at: 'commit_reply' } | { at: 'statement'; text: string });

interface Connection {
  /** `fermata <part>`, once it is known. */
  application: string;
  client: Socket;
  server: Socket;
}

/** Stands between a server and PostgreSQL, and cuts the connection at the worst moment. */
export class DatabaseProxy implements AsyncDisposable {
  /** New connections are closed at once while this is true: the database is unreachable. */
  isRefusing = false;
  readonly #connections = new Set<Connection>();
  readonly #server = createServer((client) => this.#accept(client));
  #cut: { cut: Cut; done: () => void } | null = null;

  private constructor() {}

  static async start(): Promise<DatabaseProxy> {
    const proxy = new DatabaseProxy();
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** The environment of a server that reaches this database through the proxy. */
  envOf({ target }: TestDatabase): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo;
    return { DATABASE_URL: `postgres://${target.user}@127.0.0.1:${port}/${target.database}` };
  }

  /** Resolves when the connection was cut, once. */
  cutNext(cut: Cut): Promise<void> {
    return new Promise((done) => {
      this.#cut = { cut, done };
    });
  }

  /** Cuts every connection, or those of one part. Returns how many. */
  cutAll(part?: string): number {
    const hit = [...this.#connections].filter(
      ({ application }) => part === undefined || application === `fermata ${part}`,
    );
    for (const connection of hit) this.#end(connection);
    return hit.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    if (this.isRefusing) return void client.destroy();
    const { host, port } = inject('postgres');
    const server = connect(`${host}/.s.PGSQL.${port}`);
    const connection: Connection = { application: '', client, server };
    this.#connections.add(connection);
    client.on('data', (data) => {
      connection.application ||= /application_name\0([^\0]*)\0/.exec(data.toString('latin1'))?.[1] ?? '';
      if (this.#isCutBy(connection, (cut) => cut.at === 'statement' && data.includes(cut.text))) return;
      server.write(data);
    });
    server.on('data', (data) => {
      if (this.#isCutBy(connection, (cut) => cut.at === 'commit_reply' && data.includes(COMMIT_DONE))) return;
      client.write(data);
    });
    for (const socket of [client, server]) {
      socket.on('error', () => this.#end(connection));
      socket.on('close', () => this.#end(connection));
    }
  }

  #isCutBy(connection: Connection, isMoment: (cut: Cut) => boolean): boolean {
    const armed = this.#cut;
    if (armed === null || connection.application !== `fermata ${armed.cut.part}` || !isMoment(armed.cut))
      return false;
    this.#cut = null;
    this.#end(connection);
    armed.done();
    return true;
  }

  #end(connection: Connection): void {
    this.#connections.delete(connection);
    connection.client.destroy();
    connection.server.destroy();
  }
}
