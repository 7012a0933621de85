import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PresencePort, PresenceSession } from '../engine/ports.ts';
import { createLogger } from '../observe/log.ts';
import { createMetrics } from '../observe/metrics.ts';
import { Presence } from './presence.ts';

type Reclaim = 'held' | 'dead' | 'taken' | 'error';

class FakeSession implements PresenceSession {
  readonly executorId: string;
  readonly #lost = new AbortController();
  readonly confirmedAt = 0;
  readonly heldSince = 0;
  pings = 0;
  fails = false;
  hangs = false;
  disposed = false;
  left = false;
  constructor(executorId: string) {
    this.executorId = executorId;
  }
  get lost(): AbortSignal {
    return this.#lost.signal;
  }
  async ping(timeoutMs: number): Promise<void> {
    this.pings++;
    if (this.hangs) await new Promise((resolve) => setTimeout(resolve, timeoutMs));
    if (!this.fails && !this.hangs) return;
    this.lose();
    throw new Error('gone');
  }
  lose(): void {
    this.#lost.abort(new Error('gone'));
  }
  async leave(): Promise<void> {
    this.left = true;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
  }
}

class FakePort {
  readonly sessions: FakeSession[] = [];
  readonly workerIds: Record<string, readonly string[]> = {};
  reclaims: Reclaim[] = [];
  reclaimed = 0;
  registerFails = 0;
  async register({ id }: { id: string }): Promise<PresenceSession> {
    if (this.registerFails-- > 0) throw new Error('cannot connect');
    return this.#session(id);
  }
  async reclaim(executorId: string): ReturnType<PresencePort['reclaim']> {
    this.reclaimed++;
    const answer = this.reclaims.shift() ?? 'error';
    if (answer === 'error') throw new Error('cannot connect');
    if (answer === 'held') return { outcome: 'held', session: this.#session(executorId) };
    return { outcome: answer };
  }
  async setWorkerIds(executorId: string, workerIds: readonly string[]): Promise<void> {
    this.workerIds[executorId] = workerIds;
  }
  #session(executorId: string): FakeSession {
    const session = new FakeSession(executorId);
    this.sessions.push(session);
    return session;
  }
}

let port = new FakePort();
let fatal: Error[] = [];
let presence: Presence;

async function start(): Promise<void> {
  presence = await Presence.start({
    port: port as unknown as PresencePort,
    name: 'test',
    logger: createLogger({ level: 'silent' }),
    metrics: createMetrics(),
    onFatal: (error) => fatal.push(error),
  });
}

function session(index = -1): FakeSession {
  const found = port.sessions.at(index);
  if (found === undefined) throw new Error('no session');
  return found;
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

beforeEach(async () => {
  vi.useFakeTimers();
  port = new FakePort();
  fatal = [];
  await start();
});
afterEach(async () => {
  const closed = presence[Symbol.asyncDispose]();
  await pass(10_000);
  await closed;
  vi.useRealTimers();
});

describe('Presence', () => {
  it('is present as long as each ping is answered', async () => {
    await pass(20_000);
    expect(session().pings).toBeGreaterThanOrEqual(9);
    expect(presence.isPresent(2100)).toBe(true);
  });

  it('is no older than the question that was answered', async () => {
    await pass(1999);
    expect(presence.isPresent(1000)).toBe(false);
    await pass(1);
    expect(presence.isPresent(0)).toBe(true);
  });

  it('is not present after a sleep of the machine, during which the monotonic clock stands still', async () => {
    expect(presence.isPresent(5000)).toBe(true);
    vi.setSystemTime(Date.now() + 30_000);
    expect(presence.isPresent(5000)).toBe(false);
  });

  it('is not present from the moment its session is lost, and goes on as the same when it has its lock again', async () => {
    const { executorId } = presence.current;
    port.reclaims = ['error', 'taken', 'taken', 'held'];
    session().lose();
    expect(presence.isPresent(60_000)).toBe(false);
    await pass(1000);
    expect(port.reclaimed).toBe(4);
    expect(presence.recoveredAt).not.toBeNull();
    expect(presence.isPresent(1000)).toBe(true);
    expect(presence.current.executorId).toBe(executorId);
    expect(presence.current.dead.aborted).toBe(false);
    expect(session(0).disposed).toBe(true);
    await pass(2000);
    expect(session(1).pings).toBe(1);
  });

  it('counts a ping that does not come back as a lost session', async () => {
    session().hangs = true;
    port.reclaims = ['held'];
    await pass(2000 + 4000);
    expect(session(0).lost.aborted).toBe(true);
    expect(port.sessions).toHaveLength(2);
    expect(presence.isPresent(1000)).toBe(true);
  });

  it('ends its life when it was declared dead, and begins another under a new id', async () => {
    await presence.setWorkerIds(['pool-1']);
    const before = presence.current;
    port.reclaims = ['dead'];
    port.registerFails = 2;
    session().fails = true;
    await pass(2000);
    expect(before.dead.aborted).toBe(true);
    expect(presence.isPresent(60_000)).toBe(false);
    await pass(1000);
    expect(presence.current.executorId).not.toBe(before.executorId);
    expect(presence.current.dead.aborted).toBe(false);
    expect(presence.isPresent(1000)).toBe(true);
    expect(port.workerIds[presence.current.executorId]).toEqual(['pool-1']);
    expect(port.reclaimed).toBe(1);
  });

  it('reports that it gives up after 60 s without its lock, once, and not before', async () => {
    session().lose();
    await pass(59_000);
    expect(fatal).toEqual([]);
    await pass(120_000);
    expect(fatal).toHaveLength(1);
    expect(presence.isPresent(600_000)).toBe(false);
  });

  it('leaves in order, and pings no more', async () => {
    const left = presence.leave();
    await pass(0);
    await left;
    expect(session().left).toBe(true);
    expect(presence.isPresent(60_000)).toBe(false);
    const { pings } = session();
    await pass(10_000);
    expect(session().pings).toBe(pings);
  });
});
