import { createHash, randomUUID } from 'node:crypto';
import {
  EVENT_VERSION,
  systemActor,
  type EventData,
  type Resolution,
  type RunAgent,
  type RunEvent,
} from '@fermata/protocol';
import { apply } from '../../packages/server/src/engine/apply.ts';
import type {
  ClosedWait,
  Command,
  DecisionFacts,
  EarlyAnswer,
} from '../../packages/server/src/engine/commands.ts';
import type { CommitPort, CommitRequest, CommitResult } from '../../packages/server/src/engine/commit.ts';
import { decide } from '../../packages/server/src/engine/decide.ts';
import { redispatch, UNDISPATCHED, type Dispatch } from '../../packages/server/src/engine/dispatch.ts';
import { EngineError, Fenced } from '../../packages/server/src/engine/errors.ts';
import type {
  BlobStore,
  EventPageQuery,
  EventReads,
  RunDefinition,
  SnapshotStore,
  StoredSnapshot,
} from '../../packages/server/src/engine/ports.ts';
import type { RunState } from '../../packages/server/src/engine/state.ts';

/** A run as the store keeps it: log, projection, dispatch. */
export interface MemoryRun {
  state: RunState;
  dispatch: Dispatch;
  events: RunEvent[];
  definition: RunDefinition;
}

/** What a test makes of one commit. `lose`: it is durable, and the reply gets lost. `hang`: there never is one. */
export type Fault = 'unavailable' | 'lose' | 'hang_before' | 'hang_after' | { refuse: Error };

export interface MemoryStore extends CommitPort {
  readonly events: EventReads;
  readonly snapshots: SnapshotStore & { readonly kept: Map<string, StoredSnapshot> };
  readonly blobs: BlobStore;
  readonly runs: { definition(runId: string): Promise<RunDefinition | null> };
  create(run: { agent: Partial<RunAgent>; created?: Partial<EventData<'run.created'>> }): MemoryRun;
  get(runId: string): MemoryRun;
  /** Called after each durable commit. */
  onCommitted(listener: (run: MemoryRun, events: readonly RunEvent[]) => void): () => void;
  /** Asked before each commit. */
  fault: ((request: CommandRequest) => Fault | undefined | Promise<Fault | undefined>) | null;
}

export type CommandRequest = Extract<CommitRequest, { commands: Command[] }>;

/** Commands of a segment that complete a step: the run is not in a crash loop. */
const PROGRESS = new Set<Command['type']>([
  'completeTurn',
  'completeCall',
  'failCall',
  'openWaits',
  'delegate',
  'startStep',
  'completeStep',
  'skipStep',
  'failStep',
]);

/**
 * The store in memory: the engine's own `decide`, `redispatch` and `apply`, one commit after the other, as the
 * locked row makes them. A run that becomes due waits for a `claim`; nothing is offered.
 */
export function createMemoryStore(now: () => number): MemoryStore {
  const runs = new Map<string, MemoryRun>();
  const listeners = new Set<(run: MemoryRun, events: readonly RunEvent[]) => void>();
  const kept = new Map<string, StoredSnapshot>();
  const blobs = new Map<string, { bytes: Uint8Array; mediaType: string }>();

  function get(runId: string): MemoryRun {
    const run = runs.get(runId);
    if (run === undefined) throw new EngineError('not_found', 'there is no such run');
    return run;
  }

  function create(options: {
    agent: Partial<RunAgent>;
    created?: Partial<EventData<'run.created'>>;
  }): MemoryRun {
    const agent: RunAgent = {
      id: null,
      name: 'test',
      model: 'script/test',
      version: null,
      ...options.agent,
    };
    const data: EventData<'run.created'> = {
      number: runs.size + 1,
      organizationId: 1,
      by: systemActor('test'),
      key: null,
      mode: 'managed',
      kind: 'agent',
      origin: 'native',
      agent,
      flow: null,
      title: null,
      sessionId: null,
      missionId: null,
      parent: null,
      forkedFrom: null,
      input: 'Hello',
      limits: agent.limits ?? {},
      onLimit: agent.onLimit ?? 'pause',
      onProviderFailure: agent.onProviderFailure ?? 'fail',
      metadata: {},
      face: null,
      startAt: null,
      traceparent: null,
      ...options.created,
    };
    return bear(randomUUID(), data);
  }

  function bear(runId: string, data: EventData<'run.created'>): MemoryRun {
    const at = new Date(now()).toISOString();
    const event: RunEvent = { runId, seq: 1, type: 'run.created', at, v: EVENT_VERSION, data };
    const state = apply(null, event);
    const { dispatch } = redispatch(UNDISPATCHED, state, [event], CAUSE, () => ({ kind: 'job' }));
    const run: MemoryRun = {
      state,
      dispatch,
      events: [event],
      definition: {
        runId,
        number: data.number,
        organizationId: 1,
        mode: data.mode,
        kind: data.kind,
        agent: data.agent,
        flow: data.flow,
        input: data.input,
        sessionId: null,
        parent: data.parent,
        secrets: null,
        traceparent: null,
      },
    };
    runs.set(runId, run);
    return run;
  }

  async function commit(request: CommitRequest): Promise<CommitResult> {
    if ('create' in request) throw new Error('not in memory');
    const fault = await store.fault?.(request);
    if (fault === 'unavailable') throw new EngineError('unavailable', 'the database cannot be reached');
    if (fault === 'hang_before') return await forever();
    if (typeof fault === 'object') throw fault.refuse;
    await Promise.resolve();
    const result = commitNow(request);
    if (fault === 'hang_after') return await forever();
    if (fault === 'lose') throw new EngineError('unavailable', 'the outcome is not known');
    return result;
  }

  function commitNow(request: CommandRequest): CommitResult {
    const run = get(request.runId);
    checkFence(run, request);
    const at = new Date(now()).toISOString();
    const decided = decide(run.state, request.commands, at, factsOf(run, request.commands));
    const delays = request.commands.map((command) => (command.type === 'giveBack' ? command.afterMs : 0));
    const cause = {
      take: request.take ?? null,
      progressed: request.commands.some((command) => PROGRESS.has(command.type)),
      delayMs: Math.max(0, ...delays),
    };
    const { dispatch } = redispatch(run.dispatch, decided.state, decided.events, cause, () => ({
      kind: 'job',
    }));
    run.state = decided.state;
    run.dispatch = dispatch;
    run.events.push(...structuredClone(decided.events));
    for (const child of decided.started) bear(child.runId, { ...child.created, number: runs.size + 1 });
    if (decided.events.length > 0) for (const listener of [...listeners]) listener(run, decided.events);
    return {
      state: structuredClone(decided.state),
      events: decided.events,
      decisions: decided.decisions,
      dispatch,
      run: null,
      waits: [],
      existing: false,
    };
  }

  const store: MemoryStore = {
    commit,
    create,
    get,
    fault: null,
    onCommitted(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    runs: { definition: async (runId) => runs.get(runId)?.definition ?? null },
    events: {
      page: async (runId, query) => pageOf(get(runId).events, query),
      readFrom: async (runId, after, limit) =>
        structuredClone(
          get(runId)
            .events.filter((event) => event.seq > after)
            .slice(0, limit),
        ),
      head: async (runId) => runs.get(runId)?.state.head ?? null,
      heads: async (ids) =>
        new Map(ids.flatMap((id) => (runs.has(id) ? [[id, get(id).state.head] as const] : []))),
    },
    snapshots: {
      kept,
      get: async (runId) => structuredClone(kept.get(runId) ?? null),
      put: async (runId, snapshot) => void kept.set(runId, structuredClone(snapshot)),
    },
    blobs: {
      async put(organizationId, bytes, mediaType) {
        const digest = createHash('sha256').update(bytes).digest('hex');
        blobs.set(`${organizationId}:${digest}`, { bytes, mediaType });
        return digest;
      },
      get: async (organizationId, digest) => blobs.get(`${organizationId}:${digest}`) ?? null,
    },
  };
  return store;
}

const CAUSE = { take: null, progressed: false, delayMs: 0 };

function forever(): Promise<never> {
  return new Promise<never>(() => undefined);
}

function checkFence({ dispatch }: MemoryRun, request: CommandRequest): void {
  const { segment, take, expect } = request;
  if (segment !== undefined && (segment.epoch !== dispatch.epoch || segment.claim !== dispatch.claim)) {
    throw new Fenced();
  }
  if (take !== undefined) {
    const isFree = dispatch.claim === null && dispatch.dueAt !== null && dispatch.dueAt !== 'infinity';
    if (!isFree || (take.epoch !== null && take.epoch !== dispatch.epoch)) throw new Fenced();
  }
  if (expect !== undefined && (expect.epoch !== dispatch.epoch || expect.claim !== dispatch.claim)) {
    throw new Fenced();
  }
}

function factsOf(run: MemoryRun, commands: readonly Command[]): DecisionFacts {
  const { dispatch, events } = run;
  return {
    driven: dispatch.claim !== null,
    attempts: dispatch.attempts,
    epoch: dispatch.epoch,
    closed: closedWaits(events),
    early: earlyAnswers(events),
    known: knownKeys(events, commands),
    record: { title: null, metadata: {} },
  };
}

function closedWaits(events: readonly RunEvent[]): ClosedWait[] {
  const kinds = new Map<string, string>();
  const closed: ClosedWait[] = [];
  const close = (data: { waitId: string; callId: string | null; resolution: Resolution }): void => {
    const { waitId: id, callId, resolution } = data;
    closed.push({ id, kind: kinds.get(id) ?? '', callId, resolution });
  };
  for (const event of events) {
    if (event.type === 'wait.opened') kinds.set(event.data.id, event.data.kind);
    else if (event.type === 'wait.resolved' || event.type === 'wait.expired') close(event.data);
    else if (event.type === 'wait.superseded' || event.type === 'wait.cancelled') close(event.data);
  }
  return closed;
}

function earlyAnswers(events: readonly RunEvent[]): EarlyAnswer[] {
  const early = new Map<string, EarlyAnswer>();
  for (const event of events) {
    if (event.type === 'wait.answered_early') {
      const { callId, answer, via, early: kept } = event.data;
      const { kind, by, at, role = 'operator' } = kept;
      early.set(`${callId}/${kind}`, { callId, kind, answer, by, role, via, at });
    }
    if (event.type === 'wait.opened') early.delete(`${event.data.callId ?? ''}/${event.data.kind}`);
  }
  return [...early.values()];
}

function knownKeys(events: readonly RunEvent[], commands: readonly Command[]): Map<string, number> {
  const ids = new Set(commands.flatMap((command) => (command.type === 'message' ? [command.messageId] : [])));
  const known = new Map<string, number>();
  for (const event of events) {
    if (event.type !== 'message.received') continue;
    const { messageId } = event.data;
    if (messageId !== null && ids.has(messageId)) known.set(`message:${messageId}`, event.seq);
  }
  return known;
}

function pageOf(events: readonly RunEvent[], query: EventPageQuery): RunEvent[] {
  const { after = 0, before = Infinity, order = 'asc', types, without, limit } = query;
  const found = events.filter(
    (event) =>
      event.seq > after &&
      event.seq < before &&
      (types === undefined || types.includes(event.type)) &&
      without?.includes(event.type) !== true,
  );
  if (order === 'desc') found.reverse();
  return structuredClone(found.slice(0, limit));
}
