import type { ReachedDailyLimit } from '../engine/commands.ts';
import type { CommitListener, CommitRequest, CommitResult } from '../engine/commit.ts';
import type { Dispatch } from '../engine/dispatch.ts';
import { EngineError } from '../engine/errors.ts';
import type { RunState } from '../engine/state.ts';
import type { RunEvent } from '@fermata/protocol';
import { decideBatch, type DecidedBatch } from './committer-batch.ts';
import { outcomeOf } from './committer-outcome.ts';
import { lockKeys, needsOf, readFacts } from './committer-reads.ts';
import { writeBatch, type AddDriveJobs, type AnnounceEvents, type BatchWrites } from './committer-writes.ts';
import type { UsageWrites } from './committer-usage.ts';
import type { DatabaseTarget } from './database-target.ts';
import { presentOutbox } from './outbox.ts';
import { allSettledOrThrow } from './pipelined.ts';
import { Session } from './session.ts';
import { asEngineError, codeOf, isConnectionError, type Sql } from './sql.ts';

export interface LaneOptions {
  target: DatabaseTarget;
  listener: CommitListener;
  addJobs: AddDriveJobs;
  /** Whose rows of `usage` this lane adds to. */
  committerId: string;
  announce: AnnounceEvents;
  newId(prefix: string): string;
  organizationConcurrency: number | null;
  reachedToday(organizationId: number): readonly ReachedDailyLimit[];
  /** What a durable batch has used. */
  onUsage(usage: UsageWrites): void;
  clock(databaseMs: number): number;
  onBatch(batch: { lane: string; requests: number; events: number; ms: number }): void;
  onError(error: unknown, what: string): void;
  crashPoint(name: string): void;
}

export interface Pending {
  request: CommitRequest;
  bytes: number;
  deadlineAt: number;
  queuedAt: number;
  /** In the slow lane: since when, ms since 1970. */
  waitedSince: number | null;
  resolve(result: CommitResult): void;
  reject(error: unknown): void;
}

const MAX_BATCH = 256;
const MAX_BATCH_BYTES = 1024 * 1024;
const IDEMPOTENCY_WAIT_MS = 5_000;
const LOCK_TIMEOUT_MS = 1_000;
const OUTCOME_WAIT_MS = 5_000;
/** Longer than `statement_timeout`, and than what a batch may wait for a lock. */
const ANSWER_TIMEOUT_MS = 20_000;

/** The connection was lost after COMMIT was sent, and nobody can say what became of it. */
class OutcomeUnknown extends Error {
  readonly xid: string;

  constructor(xid: string, cause: unknown) {
    super('the outcome of a commit is unknown', { cause });
    this.xid = xid;
  }
}

/**
 * One connection and its queue. `fast` skips rows that are locked elsewhere and hands their requests on; `slow`
 * waits for the row or key of its oldest request, and takes of the others what it can have without waiting.
 */
export class CommitLane {
  readonly #name: 'fast' | 'slow';
  readonly #options: LaneOptions;
  readonly #handOn: (pending: Pending) => void;
  readonly #queue: Pending[] = [];
  #session: Session | null = null;
  #isRunning = false;
  #run: Promise<void> = Promise.resolve();

  constructor(name: 'fast' | 'slow', options: LaneOptions, handOn: (pending: Pending) => void) {
    this.#name = name;
    this.#options = options;
    this.#handOn = handOn;
  }

  push(pending: Pending): void {
    this.#queue.push(pending);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#run = this.#drain();
  }

  async close(): Promise<void> {
    while (this.#isRunning) await this.#run;
    await this.#session?.close();
  }

  async #drain(): Promise<void> {
    // The rest of the current tick joins the first batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#take();
      if (batch.length > 0) await this.#commitBatch(batch);
    }
    // In the same tick as the last look at the queue: a later push starts anew.
    this.#isRunning = false;
  }

  #take(): Pending[] {
    const batch: Pending[] = [];
    let bytes = 0;
    const now = Date.now();
    while (batch.length < MAX_BATCH) {
      const next = this.#queue[0];
      if (next === undefined || (batch.length > 0 && bytes + next.bytes > MAX_BATCH_BYTES)) break;
      this.#queue.shift();
      if (next.deadlineAt <= now) {
        next.reject(tooLate(next, now));
        continue;
      }
      bytes += next.bytes;
      batch.push(next);
    }
    return batch;
  }

  async #commitBatch(batch: Pending[]): Promise<void> {
    const started = performance.now();
    let attempt = 0;
    for (;;) {
      try {
        const decided = await this.#transact(batch);
        this.#settle(batch, decided);
        const { length } = decided.writes.events;
        this.#options.onBatch({
          lane: this.#name,
          requests: batch.length,
          events: length,
          ms: performance.now() - started,
        });
        return;
      } catch (error) {
        attempt += 1;
        if (await this.#recover(batch, error, attempt)) return;
      }
    }
  }

  /** True when the batch has been dealt with; false: decide it anew. */
  async #recover(batch: Pending[], error: unknown, attempt: number): Promise<boolean> {
    const code = codeOf(error);
    if (error instanceof OutcomeUnknown) {
      // The effects may be there: only the caller can find out, by asking again.
      this.#rejectAll(
        batch,
        new EngineError('unavailable', 'the database did not confirm in time', { retryAfterMs: 1000 }, error),
      );
      return true;
    }
    if (code === '55P03') {
      this.#yieldOldest(batch);
      return true;
    }
    if (isConnectionError(error)) {
      if (attempt < 3) return false;
      this.#rejectAll(batch, asEngineError(error));
      return true;
    }
    // Deadlock, serialization, statement time-out: nobody's fault.
    if ((code === '40P01' || code === '40001' || code === '57014') && attempt < 3) return false;
    if (batch.length === 1) {
      this.#options.onError(error, 'a command could not be committed');
      this.#rejectAll(batch, commitError(error));
      return true;
    }
    // One of them cannot be stored: halve until it is alone.
    const middle = batch.length >> 1;
    await this.#commitBatch(batch.slice(0, middle));
    await this.#commitBatch(batch.slice(middle));
    return true;
  }

  #rejectAll(batch: readonly Pending[], error: unknown): void {
    for (const pending of batch) pending.reject(error);
  }

  async #transact(batch: Pending[]): Promise<DecidedBatch> {
    const { listener, crashPoint } = this.#options;
    const session = await this.#open();
    const { sql } = session;
    let decided: DecidedBatch | null = null;
    // A link that is silently dead would hold the lane for minutes.
    const silence = setTimeout(() => session.abandon(), ANSWER_TIMEOUT_MS);
    try {
      const waited = this.#name === 'slow' ? await this.#waitForOldest(sql, batch) : NOBODY;
      const requests = batch.map((pending) => pending.request);
      const needs = needsOf(requests, this.#options.organizationConcurrency !== null);
      // Sent one after the other without waiting: the second is a later statement than the locks of the first.
      const [facts, outbox] = await allSettledOrThrow([
        readFacts(sql, needs, waited.size === 0),
        presentOutbox(sql, outboxIdsOf(requests)),
      ] as const);
      decided = decideBatch(requests, facts, { ...this.#options, waited, outbox });
      crashPoint('before-commit');
      await this.#write(sql, decided, facts.xid);
      crashPoint('after-commit');
      return decided;
    } catch (error) {
      for (const { claim } of decided?.claims ?? []) listener.withdraw(claim);
      if (!session.isGone) await sql`rollback`.catch(() => session.abandon());
      throw error;
    } finally {
      clearTimeout(silence);
    }
  }

  async #write(sql: Sql, { writes }: DecidedBatch, xid: string): Promise<void> {
    try {
      const { addJobs, announce, committerId } = this.#options;
      const tag = await writeBatch(sql, writes, { addJobs, announce, committerId });
      if (tag !== 'COMMIT') throw new Error(`COMMIT answered ${tag}`);
    } catch (error) {
      if (!isConnectionError(error)) throw error;
      if ((await this.#outcomeOf(xid, writes, error)) === 'aborted') throw error;
    }
  }

  /** After a lost connection: what became of the transaction, asked on a new one. */
  async #outcomeOf(xid: string, writes: BatchWrites, cause: unknown): Promise<'committed' | 'aborted'> {
    const until = Date.now() + OUTCOME_WAIT_MS;
    while (Date.now() < until) {
      try {
        const { sql } = await this.#open();
        const outcome = await outcomeOf(sql, xid, writes);
        if (outcome === 'committed' || outcome === 'aborted') return outcome;
        if (outcome === 'unknown') break;
      } catch {
        // Whatever stands in the way of an answer, the batch must not be decided anew before there is one.
      }
      await pause(100);
    }
    throw new OutcomeUnknown(xid, cause);
  }

  async #open(): Promise<Session> {
    if (this.#session !== null && !this.#session.isGone) return this.#session;
    this.#session = await Session.open(this.#options.target, { part: `committer ${this.#name}` });
    return this.#session;
  }

  /** Slow lane: begins the transaction by waiting for what the oldest request lacks, holding nothing else. */
  async #waitForOldest(sql: Sql, batch: readonly Pending[]): Promise<ReadonlySet<string>> {
    const oldest = batch[0];
    if (oldest === undefined) return NOBODY;
    await sql`begin isolation level read committed`;
    await sql.unsafe(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
    for (const key of lockKeys(oldest.request)) {
      await sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`;
    }
    if ('create' in oldest.request) return new Set(['']);
    await sql`select 1 from run_state where run_id = ${oldest.request.runId} for no key update`;
    return new Set([oldest.request.runId]);
  }

  #settle(batch: readonly Pending[], { outcomes, claims, children, writes }: DecidedBatch): void {
    const { listener } = this.#options;
    if (writes.usage.size > 0) this.#options.onUsage(writes.usage);
    const last = new Map<string, { state: RunState; dispatch: Dispatch; events: RunEvent[] }>();
    for (const { state, dispatch, events } of children) last.set(state.runId, { state, dispatch, events });
    for (const outcome of outcomes) {
      if (outcome.kind !== 'done') continue;
      const { state, dispatch, events } = outcome.result;
      const before = last.get(state.runId)?.events ?? [];
      last.set(state.runId, { state, dispatch, events: [...before, ...events] });
    }
    for (const commit of last.values()) if (commit.events.length > 0) listener.committed(commit);
    for (const { runId, claim } of claims) {
      const run = last.get(runId);
      if (run === undefined || run.dispatch.claim !== claim) listener.withdraw(claim);
      else
        listener.claimed({
          runId,
          organizationId: run.state.organizationId,
          epoch: run.dispatch.epoch,
          claim,
          state: run.state,
        });
    }
    if (writes.outbox.length > 0) listener.sent?.(writes.outbox.map((row) => row.runId));
    batch.forEach((pending, index) => {
      const outcome = outcomes[index];
      if (outcome?.kind === 'done') pending.resolve(outcome.result);
      else if (outcome?.kind === 'refused') pending.reject(outcome.error);
      else this.#handOn({ ...pending, waitedSince: pending.waitedSince ?? Date.now() });
    });
  }

  /** The oldest request's lock was not to be had in time: the others go first. */
  #yieldOldest(batch: Pending[]): void {
    const [oldest, ...others] = batch;
    for (const pending of others) this.#queue.unshift(pending);
    if (oldest === undefined) return;
    const since = oldest.waitedSince ?? oldest.queuedAt;
    const hasKey = lockKeys(oldest.request).length > 0;
    if (hasKey && Date.now() - since >= IDEMPOTENCY_WAIT_MS) {
      oldest.reject(
        new EngineError('idempotency_in_flight', 'the first request with this key is still in flight', {
          retryAfterMs: 1000,
        }),
      );
      return;
    }
    this.#queue.push(oldest);
  }
}

function outboxIdsOf(requests: readonly CommitRequest[]): number[] {
  return requests.flatMap((request) =>
    'create' in request || request.outboxId === undefined ? [] : [request.outboxId],
  );
}

const NOBODY: ReadonlySet<string> = new Set();

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function tooLate(pending: Pending, now: number): EngineError {
  const waited = now - pending.queuedAt;
  return new EngineError('unavailable', `the run was locked or the server busy for ${waited} ms`, {
    retryAfterMs: 1000,
  });
}

/** A full disk is no fault of the command: it may work later. */
function commitError(error: unknown): EngineError {
  const code = codeOf(error);
  if (code?.startsWith('53') === true || code === '58030') {
    return new EngineError('unavailable', 'the database has no room', { retryAfterMs: 5000 }, error);
  }
  return new EngineError('internal', 'the command could not be stored', {}, error);
}
