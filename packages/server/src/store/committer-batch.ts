import type { Run, RunEvent, Wait } from '@fermata/protocol';
import type { DecisionFacts, ReachedDailyLimit } from '../engine/commands.ts';
import type { CommitListener, CommitRequest, CommitResult } from '../engine/commit.ts';
import { EMPTY_PLAN } from '../engine/plan.ts';
import { decide } from '../engine/decide.ts';
import type { Decision } from '../engine/deciders/refuse.ts';
import {
  UNDISPATCHED,
  redispatch,
  type Dispatch,
  type DispatchCause,
  type Offer,
} from '../engine/dispatch.ts';
import { EngineError, ReplayedReply } from '../engine/errors.ts';
import type { NewRun } from '../engine/new-run.ts';
import type { Sent } from '../engine/outbox.ts';
import { copyState, type RunState } from '../engine/state.ts';
import { reportToParent } from '../engine/tree.ts';
import { causeOf, checkFence, sameDispatch, startOnClaim } from './committer-fence.ts';
import { projectHolds } from './committer-holds.ts';
import { lockKeys, recordFact, type BatchFacts } from './committer-reads.ts';
import { projectUsage } from './committer-usage.ts';
import { emptyWrites, placeEvent, type BatchWrites, type PlacedEvent } from './committer-writes.ts';
import { noteAnnounced, noteBlobs, projectEvents, type Working } from './committer-projection.ts';
import { createdEvents, foldCreated, newRecord } from './new-record.ts';
import { runFromRow, type RunRecordRow } from './run-row.ts';
import { rowsOf } from './webhooks.ts';

export type Outcome =
  | { kind: 'done'; result: CommitResult }
  | { kind: 'refused'; error: Error }
  /** The row or key is locked elsewhere: the slow lane waits for it. */
  | { kind: 'locked' };

export interface DecidedBatch {
  /** One per request, in order. */
  outcomes: Outcome[];
  writes: BatchWrites;
  /** Claims that were offered in this batch, by run; those that did not last are withdrawn. */
  claims: { runId: string; claim: string }[];
  /** Child runs that were created besides what the requests ask for. */
  children: Pick<CommitResult, 'state' | 'dispatch' | 'events'>[];
}

export interface BatchOptions {
  listener: CommitListener;
  organizationConcurrency: number | null;
  newId(prefix: string): string;
  /** Limits of the organization that are used up. */
  reachedToday(organizationId: number): readonly ReachedDailyLimit[];
  /** Database time to time of commit, ms; tests bring their own clock. */
  clock(databaseMs: number): number;
  /** The lane has waited for the rows: a run that was not found does not exist. */
  waited: ReadonlySet<string>;
  /** Outbox rows of the requests that are there still. */
  outbox: ReadonlySet<number>;
}

/** Decides a batch in order of arrival, each request in its own try. Pure but for the claims it reserves. */
export function decideBatch(
  requests: readonly CommitRequest[],
  facts: BatchFacts,
  options: BatchOptions,
): DecidedBatch {
  const batch = new Batch(facts, options);
  const outcomes = requests.map((request) => batch.decide(request));
  return { outcomes, writes: batch.finishWrites(), claims: batch.claims, children: batch.children };
}

class Batch {
  readonly claims: { runId: string; claim: string }[] = [];
  readonly children: DecidedBatch['children'] = [];
  readonly #facts: BatchFacts;
  readonly #options: BatchOptions;
  readonly #writes: BatchWrites = emptyWrites();
  readonly #runs = new Map<string, Working>();
  readonly #replies: BatchFacts['replies'];
  readonly #existing: BatchFacts['existing'];
  readonly #now: string;

  constructor(facts: BatchFacts, options: BatchOptions) {
    this.#facts = facts;
    this.#options = options;
    this.#replies = new Map(facts.replies);
    this.#existing = new Map(facts.existing);
    this.#now = new Date(options.clock(facts.nowMs)).toISOString();
  }

  decide(request: CommitRequest): Outcome {
    if (lockKeys(request).some((key) => !this.#facts.keys.has(key))) return { kind: 'locked' };
    try {
      this.#replay(request);
      const outcome = 'create' in request ? this.#create(request, request.create) : this.#command(request);
      if (outcome.kind === 'done') this.#keepReply(request, outcome.result);
      return outcome;
    } catch (error) {
      // Whatever is refused today is refused tomorrow: its receiver has gone on.
      if (error instanceof EngineError) this.#noteDelivered(request);
      return { kind: 'refused', error: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  #noteDelivered(request: CommitRequest): void {
    if ('create' in request || request.outboxId === undefined) return;
    this.#writes.delivered.push(request.outboxId);
  }

  /** The rows of runs as they are after the last request of the batch. */
  finishWrites(): BatchWrites {
    for (const [runId, run] of this.#runs) {
      projectHolds(this.#writes.holds, run.before, run.state);
      if (run.changed) this.#writes.changed.set(runId, { state: run.state, dispatch: run.dispatch });
    }
    for (const created of this.#writes.created) {
      const run = this.#writes.changed.get(created.run.runId);
      if (run === undefined) continue;
      Object.assign(created, run);
      this.#writes.changed.delete(created.run.runId);
    }
    return this.#writes;
  }

  #replay({ idempotency }: CommitRequest): void {
    if (idempotency === undefined) return;
    const stored = this.#replies.get(idempotency.key.scope);
    if (stored === undefined) return;
    if (stored.fingerprint !== idempotency.key.fingerprint) {
      throw new EngineError('idempotency_conflict', 'this idempotency key was used with another body');
    }
    throw new ReplayedReply({ status: stored.status, body: stored.body });
  }

  #keepReply({ idempotency }: CommitRequest, result: CommitResult): void {
    if (idempotency === undefined) return;
    const { scope, fingerprint } = idempotency.key;
    const reply = { fingerprint, ...idempotency.encode(result) };
    this.#replies.set(scope, reply);
    this.#writes.replies.push({ scope, ...reply });
  }

  #create(request: CommitRequest, run: NewRun): Outcome {
    const { key, organizationId } = run.created;
    const slot = `${organizationId}:${key ?? ''}`;
    const taken = key === null ? undefined : this.#existing.get(slot);
    if (taken !== undefined) {
      const record = this.#facts.records.get(taken.runId) ?? null;
      const working = this.#runs.get(taken.runId);
      const state = working?.state ?? taken.state;
      const dispatch = working?.dispatch ?? taken.dispatch;
      return this.#done(
        request,
        { state, dispatch, events: [], decisions: [], record: working?.record ?? record, waits: [] },
        true,
      );
    }
    const born = this.#bear(run);
    this.#add(born);
    const { state, dispatch, events, record } = born;
    return this.#done(request, { state, dispatch, events, decisions: [], record, waits: [] }, false);
  }

  /** The first events of a new run. Nothing is written before `#add`. */
  #bear(run: NewRun): NewbornRun {
    const number = this.#facts.numbers.shift();
    if (number === undefined) throw new Error('no number was drawn for a new run');
    const events = createdEvents(run, number, this.#now);
    const state = foldCreated(events);
    const { dispatch, job, claimed } = this.#redispatch(UNDISPATCHED, state, events, NO_CAUSE);
    const asCreated = copyState(state);
    if (claimed) events.push(...startOnClaim(state, this.#now));
    const placed = events.map(placeEvent);
    const record = newRecord(run, number, this.#now);
    return { run, number, asCreated, state, dispatch, job, events, placed, record };
  }

  #add({ run, number, asCreated, state, dispatch, job, events, placed, record }: NewbornRun): void {
    const { key, organizationId } = run.created;
    const { epoch, attempts } = dispatch;
    this.#writes.events.push(...placed);
    this.#writes.created.push({ run, number, state, dispatch, at: this.#now });
    if (job !== null) this.#writes.jobs.push({ runId: run.runId, epoch, attempts, runAt: job.runAt });
    noteBlobs(this.#writes, organizationId, placed);
    this.#writes.webhooks.push(...rowsOf(organizationId, run.created.origin, run.runId, run.webhooks ?? []));
    this.#leave(state.runId, [reportToParent(asCreated, state, events)]);
    this.#runs.set(run.runId, {
      organizationId,
      before: null,
      state,
      dispatch,
      record,
      waits: [],
      early: [],
      known: new Map(),
      plan: EMPTY_PLAN,
      changed: false,
    });
    if (key !== null) this.#existing.set(`${organizationId}:${key}`, { runId: run.runId, state, dispatch });
  }

  /** Commands for other runs. */
  #leave(senderId: string, sent: readonly (Sent | null)[]): void {
    for (const one of sent) if (one !== null) this.#writes.outbox.push({ ...one, senderId });
  }

  #command(request: Exclude<CommitRequest, { create: NewRun }>): Outcome {
    const { runId } = request;
    const run = this.#load(runId);
    if (run === null) {
      if (!this.#options.waited.has(runId)) return { kind: 'locked' };
      throw new EngineError('not_found', 'there is no such run');
    }
    if (request.organizationId !== null && request.organizationId !== run.organizationId) {
      throw new EngineError('not_found', 'there is no such run');
    }
    const { outboxId } = request;
    if (outboxId !== undefined && (!this.#options.outbox.has(outboxId) || this.#isDelivered(outboxId)))
      return this.#unchanged(request, run);
    checkFence(request, run);
    if (request.take !== undefined && this.#isFull(run.organizationId)) return this.#putOff(request, run);
    const decided = decide(run.state, request.commands, this.#now, this.#factsOf(run));
    const cause = causeOf(request);
    const { dispatch, job, claimed } = this.#redispatch(run.dispatch, decided.state, decided.events, cause);
    if (claimed) decided.events.push(...startOnClaim(decided.state, this.#now));
    const placed = decided.events.map(placeEvent);
    const children = decided.started.map((child) => this.#bear(child));
    const report = reportToParent(run.state, decided.state, decided.events);
    this.#leave(runId, [...decided.sent, report]);
    this.#noteDelivered(request);
    projectUsage(this.#writes.usage, run.state, decided.state, decided.events);
    run.state = decided.state;
    run.changed = run.changed || placed.length > 0 || !sameDispatch(run.dispatch, dispatch);
    run.dispatch = dispatch;
    if (job !== null)
      this.#writes.jobs.push({ runId, epoch: dispatch.epoch, attempts: dispatch.attempts, runAt: job.runAt });
    this.#writes.events.push(...placed);
    projectEvents(this.#writes, run, placed);
    noteBlobs(this.#writes, run.organizationId, placed);
    noteAnnounced(this.#writes, run.organizationId, placed);
    for (const child of children) {
      this.#add(child);
      this.children.push(child);
    }
    const { state, events, decisions } = decided;
    const waits = this.#namedWaits(request, run);
    return this.#done(request, { state, dispatch, events, decisions, record: run.record, waits }, false);
  }

  #load(runId: string): Working | null {
    const loaded = this.#runs.get(runId);
    if (loaded !== undefined) return loaded;
    const locked = this.#facts.runs.get(runId);
    if (locked === undefined) return null;
    const run: Working = {
      organizationId: locked.organizationId,
      before: locked.state,
      state: locked.state,
      dispatch: locked.dispatch,
      record: this.#facts.records.get(runId) ?? null,
      waits: this.#facts.waits.get(runId) ?? [],
      early: this.#facts.early.get(runId) ?? [],
      known: this.#facts.known.get(runId) ?? new Map<string, number>(),
      plan: this.#facts.plans.get(runId) ?? EMPTY_PLAN,
      changed: false,
    };
    this.#runs.set(runId, run);
    return run;
  }

  #factsOf(run: Working): DecisionFacts {
    return {
      driven: run.dispatch.claim !== null,
      attempts: run.dispatch.attempts,
      epoch: run.dispatch.epoch,
      closed: run.waits.flatMap((fact) => (fact.closed === null ? [] : [fact.closed])),
      early: run.early,
      known: run.known,
      record: recordFact(run.record ?? undefined),
      daily: this.#options.reachedToday(run.organizationId),
      plan: run.plan,
    };
  }

  #redispatch(
    before: Dispatch,
    state: RunState,
    events: readonly RunEvent[],
    cause: DispatchCause,
  ): ReturnType<typeof redispatch> {
    const { listener } = this.#options;
    const { organizationId, runId } = state;
    if (cause.take !== null) this.#countClaim(organizationId);
    const offer = (): Offer => {
      if (this.#isFull(organizationId)) return { kind: 'full', why: 'organization' };
      const offered = listener.offer(organizationId);
      if (offered === null) return { kind: 'job' };
      this.#countClaim(organizationId);
      this.claims.push({ runId, claim: offered.claim });
      return { kind: 'claim', ...offered };
    };
    return redispatch(before, state, events, cause, offer);
  }

  #isFull(organizationId: number): boolean {
    const { organizationConcurrency } = this.#options;
    const claimed = this.#facts.claimed.get(organizationId) ?? 0;
    return organizationConcurrency !== null && claimed >= organizationConcurrency;
  }

  #countClaim(organizationId: number): void {
    this.#facts.claimed.set(organizationId, (this.#facts.claimed.get(organizationId) ?? 0) + 1);
  }

  /** A claim over its organization's limit: the run waits until another of it is not driven any more. */
  #putOff(request: CommitRequest, run: Working): Outcome {
    run.dispatch = { ...run.dispatch, dueAt: 'infinity' };
    run.changed = true;
    return this.#unchanged(request, run);
  }

  #unchanged(request: CommitRequest, { state, dispatch, record }: Working): Outcome {
    return this.#done(request, { state, dispatch, events: [], decisions: [], record, waits: [] }, false);
  }

  #isDelivered(outboxId: number): boolean {
    return this.#writes.delivered.includes(outboxId);
  }

  #namedWaits(request: Exclude<CommitRequest, { create: NewRun }>, run: Working): Wait[] {
    if (request.view !== true) return [];
    return request.commands.flatMap((command) => {
      if (command.type === 'assign' || command.type === 'snooze') {
        return run.waits.filter((fact) => fact.wait.id === command.waitId).map((fact) => fact.wait);
      }
      if (command.type !== 'answer') return [];
      const { target } = command;
      const named = run.waits.filter((fact) =>
        'waitId' in target ? fact.wait.id === target.waitId : fact.wait.callId === target.callId,
      );
      return named.map((fact) => fact.wait);
    });
  }

  #done(
    request: CommitRequest,
    after: {
      state: RunState;
      dispatch: Dispatch;
      events: RunEvent[];
      decisions: Decision[];
      record: RunRecordRow | null;
      waits: Wait[];
    },
    existing: boolean,
  ): Outcome {
    const { record, ...rest } = after;
    const run: Run | null =
      request.view === true && record !== null ? runFromRow({ ...record, state: after.state }) : null;
    return { kind: 'done', result: { ...rest, run, existing } };
  }
}

interface NewbornRun {
  run: NewRun;
  number: number;
  /** Before anybody claimed it. */
  asCreated: RunState;
  state: RunState;
  dispatch: Dispatch;
  job: { runAt: string } | null;
  events: RunEvent[];
  placed: PlacedEvent[];
  record: RunRecordRow;
}

const NO_CAUSE: DispatchCause = { take: null, progressed: false, delayMs: 0 };
