import type {
  EventType,
  Json,
  JsonObject,
  Run,
  RunAgent,
  RunEvent,
  RunStatus,
  Wait,
  WaitKind,
} from '@fermata/protocol';
import type { Page } from './caller.ts';
import type { Plan } from './plan.ts';
import type { EventSelection, RunChange, RunQuery, WaitQuery } from './facade.ts';

/**
 * What the engine, the event log and the driver ask of the store. Interfaces only: SQL stands behind them.
 * Every method throws `EngineError('unavailable')` when the database cannot be reached. Ids that are not well
 * formed are simply not found. Times are RFC 3339 UTC with milliseconds, by the database's clock where a
 * comparison with "now" is meant.
 */

/** Whole runs, of one organization. */
export interface RunReads {
  byId(organizationId: number, runId: string): Promise<Run | null>;
  byNumber(organizationId: number, number: number): Promise<Run | null>;
  byKey(organizationId: number, key: string): Promise<Run | null>;
  /** Keyset on `number`, newest first unless `order: 'asc'`. `invalid_request` for a cursor that is not one. */
  list(organizationId: number, query: RunQuery): Promise<Page<Run>>;
  /** What a segment needs besides the transcript. Not scoped: for the driver, which holds the run's claim. */
  definition(runId: string): Promise<RunDefinition | null>;
}

/** What stays the same for the whole life of a run, as it was pinned at its start. */
export interface RunDefinition {
  runId: string;
  number: number;
  organizationId: number;
  mode: Run['mode'];
  kind: string;
  agent: RunAgent | null;
  flow: JsonObject | null;
  input: Json | null;
  sessionId: string | null;
  parent: { runId: string; callId: string; waitId: string } | null;
  /** Sealed box, or null once the run has ended. */
  secrets: string | null;
  traceparent: string | null;
}

/** Plans of runs. Not scoped: the caller has checked that the run is the organization's. */
export interface PlanReads {
  of(runId: string): Promise<Plan>;
}

export interface WaitReads {
  byId(organizationId: number, waitId: string): Promise<Wait | null>;
  /** Oldest first unless `order: 'desc'`. Without `state`: open ones. */
  list(organizationId: number, query: WaitQuery): Promise<Page<Wait>>;
}

export interface EventPageQuery {
  after?: number | undefined;
  before?: number | undefined;
  order?: 'asc' | 'desc' | undefined;
  /** Only these. */
  types?: readonly EventType[] | undefined;
  /** All but these; unlike `types` it lets through what this version does not know. */
  without?: readonly EventType[] | undefined;
  limit: number;
  offset?: number | undefined;
}

/** Events of one run. Not scoped: the caller has checked that the run is the organization's. */
export interface EventReads {
  /** Events with `after < seq < before`. */
  page(runId: string, query: EventPageQuery): Promise<RunEvent[]>;
  /** Events with `seq > after` in order, at most `limit` of them and about 1 MB. Fewer does not mean the end. */
  readFrom(runId: string, after: number, limit: number): Promise<RunEvent[]>;
  /** Last seq of the run, or null when there is no such run. */
  head(runId: string): Promise<number | null>;
  /** Last seqs of many runs at once; runs that do not exist are left out. */
  heads(runIds: readonly string[]): Promise<Map<string, number>>;
}

/** Events of an organization's runs. */
export interface EventSelections {
  select(organizationId: number, query: EventSelection): Promise<Page<RunEvent>>;
}

/** Not scoped either. */
export interface EventCounts {
  /** How many events there are of these types; undefined: of all. */
  count(runId: string, types: readonly EventType[] | undefined): Promise<number>;
}

/** The folded transcript at `seq`: a cache, which a reader of another fold version ignores. */
export interface StoredSnapshot {
  foldVersion: number;
  seq: number;
  data: Json;
}

export interface SnapshotStore {
  get(runId: string): Promise<StoredSnapshot | null>;
  /** Never replaces a snapshot of the same fold version that is further on. */
  put(runId: string, snapshot: StoredSnapshot): Promise<void>;
}

/** The bytes behind `blob:sha256-<hex>`, of one organization. */
export interface BlobStore {
  /** Returns the SHA-256 in hex. Storing twice is storing once, and touches it. */
  put(organizationId: number, bytes: Uint8Array, mediaType: string): Promise<string>;
  get(organizationId: number, digest: string): Promise<{ bytes: Uint8Array; mediaType: string } | null>;
}

// ---------------------------------------------------------------------------------------------------------
// Hints: a run has changed. Best effort; reading by `seq` is the truth.

export interface RunHint extends RunChange {
  organizationId: number;
}

export interface HintListener {
  /** A commit of this or another process. `local`: of this one. Must not throw. */
  onHint(hint: RunHint, local: boolean): void;
  /** Hints may have been lost (connection made anew): look at the table. */
  onResync(): void;
}

export interface Hints {
  /** Tells local listeners at once, and other processes within milliseconds. Called after COMMIT. */
  send(hints: readonly RunHint[]): void;
  /** Returns the function that ends it. */
  listen(listener: HintListener): () => void;
  /** Coalesced per run, best effort; `null` every 10 s of silence. Ends when `signal` aborts. */
  changes(organizationId: number, signal: AbortSignal): AsyncIterable<RunChange[] | null>;
}

// ---------------------------------------------------------------------------------------------------------
// Presence: a process is alive while it holds its session advisory lock.

/**
 * How a process uses it: `register` at boot with a fresh UUID; `session.ping()` from the main loop every 2 s
 * (each with its own time-out: a ping that does not come back is a lost session); on `session.lost` stop
 * claiming and call `reclaim` again and again: `held` → go on, `dead` → abort the segments and `register` under
 * a new UUID, an error or `taken` → try again; only 60 s without success end the process. Every 500 ms `look`;
 * an executor that is missing in two looks in a row, with `serverUpMs` large enough, `ownLockSeen` in both, and a
 * `session.heldSince` some seconds ago (a crash inside PostgreSQL ends every session and not the server), is given to
 * `declareDead`; then its runs (`SweepReads.abandoned`) are adopted, and its workers' jobs released
 * (`unreleased`, `released`).
 */
export interface PresencePort {
  /** Opens the presence session, takes a fresh lock, and writes the executor's row. */
  register(executor: { id: string; name: string }): Promise<PresenceSession>;
  /**
   * After a lost session: opens a new one and takes the same lock, then reads `dead_at`. `taken`: the lock is
   * still held, by the old session that the server has not noticed to be gone, or by a process that is just
   * declaring this one dead.
   */
  reclaim(
    executorId: string,
  ): Promise<{ outcome: 'held'; session: PresenceSession } | { outcome: 'dead' } | { outcome: 'taken' }>;
  /** `observer`: the looker's own executor. */
  look(observer: string): Promise<PresenceLook>;
  /**
   * Takes the executor's lock and sets `dead_at`, in one transaction. True when it is dead now, by this call or
   * an earlier one; false when the lock is held after all: it lives.
   */
  declareDead(executorId: string): Promise<boolean>;
  /** The worker ids under which this executor takes jobs, so that its locks can be released after its death. */
  setWorkerIds(executorId: string, workerIds: readonly string[]): Promise<void>;
  /** Dead executors whose workers' locks have not been released yet. */
  unreleased(): Promise<{ executorId: string; workerIds: string[] }[]>;
  /** The worker locks of a dead executor have been released. */
  released(executorId: string): Promise<void>;
}

export interface PresenceSession extends AsyncDisposable {
  readonly executorId: string;
  /** Aborts as soon as the session is known to be gone; its reason is the error. */
  readonly lost: AbortSignal;
  /** Since when this session holds the lock, by `performance.now()`: a young one must not declare others dead. */
  readonly heldSince: number;
  /** A time at which the server has confirmed that this session held the lock, by `performance.now()`. */
  readonly confirmedAt: number;
  /** One round trip, which checks the lock itself. Rejects, and aborts `lost`, when it is not held. */
  ping(timeoutMs: number): Promise<void>;
  /** Orderly end: no run is claimed any more. Sets `dead_at`, clears the worker ids, releases the lock. */
  leave(): Promise<void>;
}

export interface PresenceLook {
  /** How long the database server has been up. */
  serverUpMs: number;
  /** The looker's own lock was seen; otherwise nothing may be concluded from this look. */
  ownLockSeen: boolean;
  /** Executors without `dead_at` whose lock nobody holds, the looker left out. */
  missing: { executorId: string; name: string }[];
  /** Executors whose lock is held. */
  alive: string[];
}

// ---------------------------------------------------------------------------------------------------------
// The sweep: what is due, and the net under lost wake-ups. Each row carries the state that it was found in; the
// command made of it must expect that state, so that two sweepers are harmless.

/** The dispatch state of a run as it was read. */
export interface DispatchRow {
  runId: string;
  number: number;
  organizationId: number;
  status: RunStatus;
  head: number;
  epoch: number;
  claim: string | null;
  executorId: string | null;
  attempts: number;
  /** RFC 3339, `infinity` when it waits for room in its organization, or null. */
  dueAt: string | null;
}

export interface DueWait {
  waitId: string;
  runId: string;
  organizationId: number;
  kind: WaitKind;
  /** The deadline that has passed: the next step of the ladder, or when a timer fires. */
  deadlineAt: string;
}

export interface PendingOutbox {
  id: number;
  runId: string;
  senderId: string;
  senderSeq: number;
  command: Json;
}

/** Each reads at most `limit` rows (500), oldest first, by a partial index. Not scoped: for the driver. */
export interface SweepReads {
  /** Due and unclaimed for more than `graceMs` (5 s): their wake-up was lost. */
  dueUnclaimed(graceMs: number, limit: number): Promise<DispatchRow[]>;
  /** Claimed by an executor that has `dead_at` or no row. */
  abandoned(limit: number): Promise<DispatchRow[]>;
  /**
   * Claimed by this executor, in order of `runId`; page on with `afterRunId`. Answers two questions a second:
   * whose head has moved, and for which claims there is no live segment (the rows do not say since when they
   * are claimed: a claim without a segment in two sweeps that are 2 s apart is orphaned).
   */
  claimedBy(executorId: string, limit: number, afterRunId?: string): Promise<DispatchRow[]>;
  /** Waiting for room (`due_at = infinity`) in organizations with fewer than `perOrganization` claimed runs. */
  roomFor(perOrganization: number, limit: number, organizationId?: number): Promise<DispatchRow[]>;
  /** Open waits whose deadline has passed and whose clock runs. */
  dueWaits(limit: number): Promise<DueWait[]>;
  /** Runs that have not ended and whose `limits.deadlineAt` has passed. */
  pastDeadline(limit: number): Promise<DispatchRow[]>;
  /** Outbox rows older than `graceMs` that nobody has applied, in order. */
  undelivered(graceMs: number, limit: number): Promise<PendingOutbox[]>;
  /** What was left for these runs, in the order in which it is to be applied on each of them. */
  outboxOf(runIds: readonly string[], limit: number): Promise<PendingOutbox[]>;
  /** When the next deadline of a wait or run is due after now, or null: lets a sweep sleep shorter than a second. */
  nextDeadline(): Promise<string | null>;
}

/** How often one key may ask for something. */
export interface RateLimit {
  /** Requests of one key in one window are counted under this name. */
  name: string;
  requests: number;
  seconds: number;
}

/** How a key stands after a request was counted. */
export interface RateCount {
  isAllowed: boolean;
  /** Requests that are left in the window. */
  remaining: number;
  /** Until the window ends, ms. */
  endsInMs: number;
}

/** Counts requests, all processes together. */
export interface RateLimiter {
  /** Counts one request. Null: of this key nothing is counted. */
  take(keyId: string, limit: RateLimit): Promise<RateCount | null>;
}

/** What may be thrown away. Each deletes at most `limit` rows and returns how many. */
export interface Retention {
  expiredReplies(limit: number): Promise<number>;
  expiredRecords(limit: number): Promise<number>;
  /** Blobs that no run refers to and nobody has touched for 24 h. */
  unusedBlobs(limit: number): Promise<number>;
  /** Dead executors, dead for longer than a day, that own no claimed run and no unreleased worker. */
  deadExecutors(limit: number): Promise<number>;
  /** The rows of single runs of bulk jobs that ended more than 7 days ago; the jobs stay. */
  endedJobItems(limit: number): Promise<number>;
  /** Counts of windows that are over. */
  endedRateLimits(limit: number): Promise<number>;
  /** Sessions of pages' visitors, expired for more than 7 days: until then another may take up their conversation. */
  expiredClientSessions(limit: number): Promise<number>;
  /** What visitors said of replies more than 400 days ago. */
  oldClientFeedback(limit: number): Promise<number>;
  /** Attempts to deliver webhooks, older than 30 days. */
  oldDeliveries(limit: number): Promise<number>;
}
