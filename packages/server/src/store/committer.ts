import { randomUUID } from 'node:crypto';
import { crashPoint } from '../observe/crash-point.ts';
import type { CommitListener, CommitPort, CommitRequest, CommitResult } from '../engine/commit.ts';
import { EngineError } from '../engine/errors.ts';
import type { ReachedDailyLimit } from '../engine/commands.ts';
import type { UsageWrites } from './committer-usage.ts';
import { CommitLane, type LaneOptions } from './committer-lane.ts';
import type { AddDriveJobs, AnnounceEvents } from './committer-writes.ts';
import type { DatabaseTarget } from './database-target.ts';

export interface CommitterOptions {
  target: DatabaseTarget;
  listener: CommitListener;
  addJobs: AddDriveJobs;
  /** Absent: there are no webhooks. */
  announce?: AnnounceEvents;
  newId(prefix: string): string;
  organizationConcurrency: number | null;
  /** Absent: organizations have no limits. */
  usage?: {
    /** Each lane adds to rows of `usage` of its own. */
    newCommitterId(): string;
    reached(organizationId: number): readonly ReachedDailyLimit[];
    add(usage: UsageWrites): void;
  };
  /** Database time to time of commit, ms; tests bring their own clock. */
  clock?: (databaseMs: number) => number;
  /** How long a command may wait before it is begun, ms. */
  deadlineMs?: number;
  /** After each batch: how many requests, how long, ms. */
  onBatch?: (batch: { lane: string; requests: number; events: number; ms: number }) => void;
  onError?: (error: unknown, what: string) => void;
}

const MAX_QUEUED = 10_000;
const MAX_QUEUED_BYTES = 64 * 1024 * 1024;
const DEADLINE_MS = 10_000;

/** While the database works on the batch of one lane, this process decides that of the other (decision 0007). */
const FAST_LANES = 2;

/**
 * Group commit. Commands queue up in the fast lane of their run; while one batch commits, the next gathers; there is
 * no timer: alone, a command commits at once. What is locked elsewhere goes to the slow lane, which waits for it, so
 * that a frozen process holds up nobody else's runs.
 */
export class Committer implements CommitPort, AsyncDisposable {
  readonly #fast: readonly CommitLane[];
  readonly #slow: CommitLane;
  readonly #deadlineMs: number;
  #queued = 0;
  #queuedBytes = 0;
  #isClosed = false;

  constructor(options: CommitterOptions) {
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
    const lane: Omit<LaneOptions, 'committerId'> = {
      target: options.target,
      listener: options.listener,
      addJobs: options.addJobs,
      announce: options.announce ?? (() => null),
      newId: options.newId,
      organizationConcurrency: options.organizationConcurrency,
      reachedToday: (organizationId) => options.usage?.reached(organizationId) ?? [],
      onUsage: (usage) => options.usage?.add(usage),
      clock: options.clock ?? ((databaseMs) => databaseMs),
      onBatch: options.onBatch ?? (() => {}),
      onError: options.onError ?? (() => {}),
      crashPoint,
    };
    const open = (name: 'fast' | 'slow'): CommitLane => {
      const committerId = options.usage?.newCommitterId() ?? randomUUID();
      return new CommitLane(name, { ...lane, committerId }, (pending) => this.#slow.push(pending));
    };
    this.#slow = open('slow');
    this.#fast = Array.from({ length: FAST_LANES }, () => open('fast'));
  }

  /** Requests that are queued or in a batch. */
  get depth(): number {
    return this.#queued;
  }

  async commit(request: CommitRequest): Promise<CommitResult> {
    if (this.#isClosed)
      throw new EngineError('unavailable', 'the server is shutting down', { retryAfterMs: 1000 });
    const bytes = sizeOf(request);
    if (this.#queued >= MAX_QUEUED || this.#queuedBytes + bytes > MAX_QUEUED_BYTES) {
      throw new EngineError('unavailable', 'the server is too busy now', { retryAfterMs: 1000 });
    }
    this.#queued += 1;
    this.#queuedBytes += bytes;
    try {
      return await new Promise<CommitResult>((resolve, reject) => {
        const deadlineAt = request.deadlineAt ?? Date.now() + this.#deadlineMs;
        this.#laneOf(request).push({
          request,
          bytes,
          deadlineAt,
          queuedAt: Date.now(),
          waitedSince: null,
          resolve,
          reject,
        });
      });
    } finally {
      this.#queued -= 1;
      this.#queuedBytes -= bytes;
    }
  }

  /** A run has one lane: its commands are decided in the order in which they came. */
  #laneOf(request: CommitRequest): CommitLane {
    const runId = 'create' in request ? request.create.runId : request.runId;
    return this.#fast[runId.charCodeAt(runId.length - 1) % FAST_LANES] ?? this.#slow;
  }

  /** Finishes what is queued, then closes the connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#fast.map((lane) => lane.close()));
    await this.#slow.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** About how much memory a request holds, bytes. Counted, not printed: it is done for every command. */
function sizeOf(request: CommitRequest): number {
  return sizeOfValue('create' in request ? request.create : request.commands);
}

function sizeOfValue(value: unknown): number {
  if (typeof value === 'string') return 16 + value.length;
  if (typeof value !== 'object' || value === null) return 8;
  let size = 16;
  for (const key in value) size += 8 + sizeOfValue((value as Record<string, unknown>)[key]);
  return size;
}
