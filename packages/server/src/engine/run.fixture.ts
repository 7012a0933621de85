import {
  EVENT_VERSION,
  type EventData,
  type EventType,
  type Resolution,
  type RunEvent,
  systemActor,
  type WaitBody,
} from '@fermata/protocol';
import { apply } from './apply.ts';
import { foldPlan } from './plan.ts';
import { ANNA, completeTurn, openWaits, startCall, startTurn, waitBody } from './commands.fixture.ts';
import type { ClosedWait, Command, DecisionFacts, EarlyAnswer } from './commands.ts';
import { decide, type Decided } from './decide.ts';
import { type Dispatch, type Offer, redispatch, type Redispatched, UNDISPATCHED } from './dispatch.ts';
import { EngineError } from './errors.ts';
import { EMPTY_RECORD, recordPatch, type RunRecord } from './record.ts';
import type { RunState } from './state.ts';

const DRIVER = systemActor('driver');

export const START = Date.parse('2026-03-01T08:00:00.000Z');
export const at = (seconds: number): string => new Date(START + seconds * 1_000).toISOString();

export function created(over: Partial<EventData<'run.created'>> = {}): EventData<'run.created'> {
  return {
    number: 71,
    organizationId: 1,
    by: ANNA,
    key: null,
    mode: 'managed',
    kind: 'agent',
    origin: 'native',
    agent: null,
    flow: null,
    title: null,
    sessionId: null,
    missionId: null,
    parent: null,
    forkedFrom: null,
    input: 'hello',
    limits: {},
    onLimit: 'pause',
    onProviderFailure: 'fail',
    metadata: {},
    face: null,
    startAt: null,
    traceparent: null,
    ...over,
  };
}

/** One run in memory, committed to as the store does it: every commit is checked, frozen before, folded after. */
export interface TestRun {
  readonly state: RunState;
  readonly dispatch: Dispatch;
  readonly events: readonly RunEvent[];
  readonly record: RunRecord;
  /** What the last commit did to dispatch. */
  readonly last: Redispatched | null;
  /** Seconds since the start; time only moves when a test moves it. */
  seconds: number;
  /** What the process answers when the run has become due. */
  offer: Offer;
  /** Facts that a test makes up, in place of what the store would read. */
  madeUp: Partial<DecisionFacts>;
  facts(): DecisionFacts;
  /** Decides and appends; throws what the engine throws, with the run untouched. */
  commit(...commands: Command[]): Decided;
  /** A `claim` by a fresh segment. */
  claim(): Decided;
  refused(...commands: Command[]): EngineError;
}

const PROGRESS = new Set<Command['type']>([
  'completeTurn',
  'failTurn',
  'completeCall',
  'failCall',
  'openWaits',
  'startStep',
  'completeStep',
  'skipStep',
  'failStep',
  'finish',
]);

export function testRun(over: Partial<EventData<'run.created'>> = {}): TestRun {
  const runId = '01890000-0000-7000-8000-000000000001';
  const first: RunEvent = {
    runId,
    seq: 1,
    type: 'run.created',
    at: at(0),
    v: EVENT_VERSION,
    data: created(over),
  };
  const events: RunEvent[] = [first];
  let state = apply(null, first);
  let record: RunRecord = { ...EMPTY_RECORD, ...recordPatch(EMPTY_RECORD, first) };
  const cause = { take: null, progressed: false, delayMs: 0 };
  let last: Redispatched | null = redispatch(UNDISPATCHED, state, events, cause, () => ({ kind: 'job' }));
  let dispatch = last.dispatch;
  let claims = 0;

  function write(commands: Command[], take: { executorId: string; claim: string } | null): Decided {
    const before = deepFreeze(structuredClone(state));
    const decided = decide(before, commands, at(run.seconds), run.facts());
    const progressed = dispatch.claim !== null && commands.some((command) => PROGRESS.has(command.type));
    const delays = commands.map((command) => (command.type === 'giveBack' ? command.afterMs : 0));
    last = redispatch(
      deepFreeze({ ...dispatch }),
      decided.state,
      decided.events,
      { take, progressed, delayMs: Math.max(0, ...delays) },
      () => run.offer,
    );
    dispatch = last.dispatch;
    state = decided.state;
    for (const event of decided.events) {
      events.push(event);
      record = { ...record, ...recordPatch(record, event) };
    }
    return decided;
  }

  const run: TestRun = {
    get state() {
      return state;
    },
    get dispatch() {
      return dispatch;
    },
    get record() {
      return record;
    },
    get last() {
      return last;
    },
    events,
    seconds: 0,
    offer: { kind: 'job' },
    madeUp: {},
    facts: () => ({ ...factsOf(events, dispatch, record), ...run.madeUp }),
    commit: (...commands) => write(commands, null),
    claim() {
      claims += 1;
      return write([{ type: 'claim', by: DRIVER }], { executorId: 'executor', claim: `executor:${claims}` });
    },
    refused(...commands) {
      const before = structuredClone(state);
      try {
        write(commands, null);
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        if (JSON.stringify(before) !== JSON.stringify(state)) throw new Error('a refusal changed the run');
        return error;
      }
      throw new Error(`not refused: ${commands.map((command) => command.type).join(', ')}`);
    },
  };
  return run;
}

/** The facts as the store reads them, from the log alone. */
export function factsOf(
  events: readonly RunEvent[],
  dispatch: Dispatch,
  record: Pick<RunRecord, 'title' | 'metadata' | 'output' | 'summary' | 'error'>,
): DecisionFacts {
  const kinds = new Map<string, string>();
  const closed: ClosedWait[] = [];
  const early: EarlyAnswer[] = [];
  const known = new Map<string, number>();
  const close = (data: { waitId: string; callId: string | null; resolution: Resolution }): void => {
    const { waitId: id, callId, resolution } = data;
    closed.push({ id, kind: kinds.get(id) ?? '', callId, resolution });
  };
  for (const event of events) {
    switch (event.type) {
      case 'wait.opened':
        kinds.set(event.data.id, event.data.kind);
        break;
      case 'wait.resolved':
      case 'wait.expired':
      case 'wait.superseded':
      case 'wait.cancelled':
        close(event.data);
        break;
      case 'wait.answered_early': {
        const { callId, answer, via, early: kept } = event.data;
        const { kind, by, at, role = 'operator' } = kept;
        early.push({ callId, kind, answer, by, role, via, at });
        break;
      }
      case 'message.received':
        if (event.data.messageId !== null) known.set(`message:${event.data.messageId}`, event.seq);
        break;
      case 'note.logged':
        if (event.data.key !== null) known.set(`note:${event.data.key}`, event.seq);
        break;
      default:
    }
  }
  const { claim, attempts, epoch } = dispatch;
  const { title, metadata, output, summary, error } = record;
  return {
    driven: claim !== null,
    attempts,
    epoch,
    closed,
    early,
    known,
    record: { title, metadata, output, summary, error },
    plan: foldPlan(events),
  };
}

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}

export function types(events: readonly RunEvent[]): EventType[] {
  return events.map((event) => event.type);
}

// Runs brought somewhere by real commands.

/** Id of the n-th call of the first turn. */
export const call = (n: number, turn = 1): string => `call_1z_${turn}_${n}`;

export function runningRun(over: Partial<EventData<'run.created'>> = {}): TestRun {
  const run = testRun(over);
  run.claim();
  return run;
}
export function inTurn(over: Partial<EventData<'run.created'>> = {}): TestRun {
  const run = runningRun(over);
  run.commit(startTurn(run));
  return run;
}
/** The model has asked for `tools` in turn 1; nothing is in flight. */
export function withCalls(tools: readonly string[], over: Partial<EventData<'run.created'>> = {}): TestRun {
  const run = inTurn(over);
  run.commit(completeTurn(run, tools));
  return run;
}
/** One wait of each kind given, on a call each, with ids w1, w2, …; `w1` is owned by `call(1)`. */
export function withWaits(
  waits: readonly (Partial<WaitBody> & { kind: WaitBody['kind'] })[],
  over: Partial<EventData<'run.created'>> = {},
): TestRun {
  const run = withCalls(
    waits.map(() => 'tool'),
    over,
  );
  waits.forEach(({ kind, ...body }, index) => {
    const callId = call(index + 1);
    if (kind === 'in_doubt') run.commit(startCall(callId));
    run.commit(openWaits(waitBody(`w${index + 1}`, kind, { callId, ...body })));
  });
  return run;
}
export function external(over: Partial<EventData<'run.created'>> = {}): TestRun {
  return testRun({ mode: 'external', ...over });
}
