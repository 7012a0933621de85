import { randomInt } from 'node:crypto';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { chooseSessionTarget, inspectDatabase } from '../../packages/server/src/store/inspect-database.ts';

const facts = inject('postgres');
const target = { host: facts.host, port: facts.port, user: facts.user, database: facts.adminDatabase };
let pooler: Pooler | null = null;

afterEach(async () => {
  await pooler?.close();
  pooler = null;
});

type Mode = 'transaction' | 'session';

/**
 * A pooler as small as possible: it answers the handshake itself, with a cancel key of its own, and gives a client one
 * of its two sessions for a transaction, the one given back last first (or for good, in session mode).
 */
class Pooler {
  readonly #server: Server;
  readonly #sessions: Session[];
  readonly #clients = new Set<Socket>();

  private constructor(sessions: Session[], mode: Mode) {
    this.#sessions = sessions;
    const idle = [...sessions];
    this.#server = createServer((socket) => {
      this.#clients.add(socket);
      socket.on('error', () => {});
      void serveClient(socket, idle, mode).catch(() => socket.destroy());
    });
  }

  static async start(mode: Mode): Promise<Pooler> {
    const sessions = await Promise.all([Session.open(), Session.open()]);
    const started = new Pooler(sessions, mode);
    await new Promise<void>((resolve) => started.#server.listen(0, '127.0.0.1', resolve));
    return started;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return `postgres://${target.user}@127.0.0.1:${address.port}/${target.database}`;
  }

  async close(): Promise<void> {
    for (const socket of [...this.#clients]) socket.destroy();
    for (const session of this.#sessions) session.socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Reads whole messages of the wire protocol; the first of a client has no type byte. */
class Messages {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  #buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async next(hasType = true): Promise<Buffer> {
    const offset = hasType ? 1 : 0;
    for (;;) {
      if (this.#buffer.length >= offset + 4) {
        const length = offset + this.#buffer.readUInt32BE(offset);
        if (this.#buffer.length >= length) {
          const message = this.#buffer.subarray(0, length);
          this.#buffer = this.#buffer.subarray(length);
          return message;
        }
      }
      const { value, done } = await this.#chunks.next();
      if (done) throw new Error(`${this.#socket.remoteAddress} has gone`);
      this.#buffer = Buffer.concat([this.#buffer, value]);
    }
  }
}

const READY = 'Z';
const IDLE = 'I'.charCodeAt(0);

class Session {
  readonly socket: Socket;
  readonly messages: Messages;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.messages = new Messages(socket);
    socket.on('error', () => {});
  }

  static async open(): Promise<Session> {
    const session = new Session(createConnection(`${target.host}/.s.PGSQL.${target.port}`));
    const parameters = Buffer.from(`user\0${target.user}\0database\0${target.database}\0\0`);
    const header = Buffer.alloc(8);
    header.writeUInt32BE(parameters.length + 8, 0);
    header.writeUInt32BE(196_608, 4);
    session.socket.write(Buffer.concat([header, parameters]));
    while (typeOf(await session.messages.next()) !== READY);
    return session;
  }
}

function typeOf(message: Buffer): string {
  return String.fromCharCode(message[0] ?? 0);
}

async function serveClient(client: Socket, idle: Session[], mode: Mode): Promise<void> {
  const messages = new Messages(client);
  await messages.next(false);
  const key = Buffer.from([75, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0]);
  key.writeUInt32BE(randomInt(1_000_000_000, 2_000_000_000), 5);
  client.write(
    Buffer.concat([Buffer.from([82, 0, 0, 0, 8, 0, 0, 0, 0]), key, Buffer.from([90, 0, 0, 0, 5, 73])]),
  );
  let session: Session | null = null;
  for (;;) {
    const message = await messages.next();
    if (typeOf(message) === 'X') break;
    session ??= idle.pop() ?? null;
    if (!session) throw new Error('no session left');
    session.socket.write(message);
    // Only a simple query and a Sync are answered by ReadyForQuery.
    if (typeOf(message) !== 'Q' && typeOf(message) !== 'S') continue;
    let answer: Buffer;
    do {
      answer = await session.messages.next();
      client.write(answer);
    } while (typeOf(answer) !== READY);
    if (mode === 'transaction' && answer[5] === IDLE) {
      idle.push(session);
      session = null;
    }
  }
  if (session) idle.push(session);
  client.end();
}

describe('inspectDatabase', () => {
  it('finds a pooler that shares sessions between transactions', async () => {
    pooler = await Pooler.start('transaction');
    expect((await inspectDatabase(pooler.url)).isTransactionPooled).toBe(true);
  });

  it('takes a pooler that leaves each client its session for a direct connection', async () => {
    pooler = await Pooler.start('session');
    expect((await inspectDatabase(pooler.url)).isTransactionPooled).toBe(false);
  });
});

describe('chooseSessionTarget', () => {
  it('requires a direct URL behind a transaction pooler, and then uses it', async () => {
    pooler = await Pooler.start('transaction');
    await expect(chooseSessionTarget(pooler.url, null)).rejects.toThrow(
      /DATABASE_URL goes through a pooler.*FERMATA_DATABASE_DIRECT_URL/,
    );
    await expect(chooseSessionTarget(pooler.url, pooler.url)).rejects.toThrow(/it must not/);
    expect(await chooseSessionTarget(pooler.url, target)).toBe(target);
  });
});
