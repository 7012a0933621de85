import type {
  Actor,
  Checkpoint,
  EventData,
  Hold,
  Limits,
  OnLimit,
  OpenWait,
  RunMode,
  RunStatus,
  Usage,
  WaitKind,
} from '@fermata/protocol';
import { initialFlow, type FlowState } from './flow-state.ts';
import type { Ladder } from './ladder.ts';
import type { ReceiptChain } from './receipts.ts';

/**
 * The narrow state of a run: the fold of its log, kept in the locked row (`run_state.state`). Everything that a
 * decision needs is here; what is wide (input, output, metadata, the conversation) is not.
 */
export interface RunState {
  runId: string;
  organizationId: number;
  number: number;
  mode: RunMode;
  parentId: string | null;
  /** How many runs are above it. Absent: none. */
  depth?: number;
  /** Child runs that have not ended, as their reports say. Absent: there never was one. */
  children?: readonly ChildState[];
  /** While a hold is on that holds the child runs too. */
  treeHold?: TreeHold;
  /** What the parent has done about its hold `parent`. Absent: nothing yet. */
  byParent?: { seq: number; held: boolean };
  /** It was reopened after its parent had its result: from then on it goes its own way. */
  leftTree?: boolean;
  /** Saved agent; absent for any other. */
  agentId?: string;
  status: RunStatus;
  statusSince: string;
  /** Last seq of the log. */
  head: number;
  /** Time of the last event; a later event is never before it. */
  at: string;
  startAt: string | null;
  startedAt: string | null;
  finishedAt: string | null;
  holds: Hold[];
  /** Open waits only. */
  waits: WaitState[];
  turn: TurnState;
  /** Calls of the turn that have no result yet, in the model's order. */
  calls: CallState[];
  /** Flow steps in flight by an act of their own, not by a call or by turns. */
  steps: string[];
  /** Where the run's flow stands. Absent: the run has none, or its client drives it. */
  flow?: FlowState;
  /** Seqs of messages that no prompt contains yet. */
  inbox: number[];
  /** The status event that stands for now, so that each change of status is announced once. */
  announced: 'pausing' | 'paused' | 'waiting' | null;
  checkpoint: Checkpoint | null;
  /** Model from the next turn on, when a resume or message has set one. */
  model: string | null;
  /** Tools approved for the rest of the run. */
  remembered: string[];
  /** Tools that the model was made to call; replaced as a whole. Absent: none. */
  forced?: readonly string[];
  sealed: { by: Actor; at: string; reason: string | null } | null;
  limits: Limits;
  /** The limits as they were first set: what releasing a budget hold grants again. */
  firstLimits: Limits;
  onLimit: OnLimit;
  usage: Omit<Usage, 'activeSeconds'> & { activeMs: number };
  /** The chain of decisions; replaced as a whole. Absent: the run is older than receipts. */
  receipts?: ReceiptChain;
  /** Usage at the last reopening: counting limits start there. */
  base: { turns: number; tokens: number; toolCalls: number; costUsd: number; activeMs: number };
}

/**
 * `model`: a call is in flight. `again`: it failed or was interrupted and is to be made again. `tools`: the
 * answer is committed and calls are left. `done`: every call has a result, or there was none.
 */
export type TurnPhase = 'model' | 'again' | 'tools' | 'done';

export interface TurnState {
  /** From 1; 0 before the first. */
  number: number;
  attempt: number;
  phase: TurnPhase;
  /** How many calls the answer asked for. */
  asked: number;
  /** Which of the agent's fallbacks it is at, from 0. Absent: none. */
  fallback?: number;
  /** Tool that its model must call. Absent: none. */
  forced?: string;
}

export interface CallState {
  callId: string;
  tool: string;
  /** `cancelled`: its wait was closed by the run's end; it gets its result when the run is reopened. */
  state: 'ready' | 'running' | 'waiting' | 'in_doubt' | 'cancelled';
  attempt: number;
  approved: boolean;
  /** Digest of the call as approved; execution must match it. */
  digest: string | null;
  /** Answers that came before their waits, one of a kind at most. */
  early: EarlyMark[];
}

/** `attempt`: of the call when the answer came; an answer to a doubt is for that attempt only. */
export interface EarlyMark {
  kind: WaitKind;
  valueDigest: string;
  by: Actor;
  at: string;
  attempt: number;
}

/** A child run as its parent knows it. */
export interface ChildState {
  runId: string;
  status: RunStatus;
  /** Its own, and those of the runs below it. */
  openWaits: OpenWait[];
  /** Seq in the child's log of what it told last; what is older comes too late. */
  seq: number;
  /** It and the runs below it are paused or have ended. */
  stopped: boolean;
  /** Last event of this log that it has acted on: what it says is of no use for a later pause. */
  parentSeq: number;
  /** Runs of its tree that have not ended. */
  runs: number;
}

export interface TreeHold {
  /** Event that placed the first of the holds. */
  seq: number;
  /** `tree.paused` has been logged. */
  announced: boolean;
  /** One of the holds aborts the steps in flight. */
  now: boolean;
}

export interface WaitState {
  id: string;
  kind: WaitKind;
  callId: string | null;
  tool: string | null;
  since: string;
  digest: string | null;
  approvers: string[] | null;
  /** Rule that asked for the approval; absent: none, or not an approval. */
  policy?: string;
  childRunId: string | null;
  assignee: string | null;
  /** Absent: never snoozed. */
  snoozedUntil?: string | null;
  onExpire: 'continue' | 'fail';
  /** Steps that are left to take; absent without a deadline, and for a timer. */
  ladder?: Ladder;
  /** When its next step is due; null while the clock stands or when none is left. A timer's is absolute. */
  deadlineAt: string | null;
  /** Time left while a hold has stopped the clock, ms. */
  remainingMs: number | null;
}

/** The state that `run.created` brings about, before any other event. */
export function initialState(runId: string, at: string, created: EventData<'run.created'>): RunState {
  return {
    runId,
    organizationId: created.organizationId,
    number: created.number,
    mode: created.mode,
    parentId: created.parent?.runId ?? null,
    ...(created.depth === undefined ? {} : { depth: created.depth }),
    ...(typeof created.agent?.id === 'string' ? { agentId: created.agent.id } : {}),
    status: 'queued',
    statusSince: at,
    head: 1,
    at,
    startAt: created.startAt,
    startedAt: null,
    finishedAt: null,
    holds: [],
    waits: [],
    turn: { number: 0, attempt: 0, phase: 'done', asked: 0 },
    calls: [],
    steps: [],
    ...initialFlow(created),
    inbox: [],
    announced: null,
    checkpoint: null,
    model: null,
    remembered: [],
    sealed: null,
    limits: created.limits,
    firstLimits: created.limits,
    onLimit: created.onLimit,
    usage: { turns: 0, toolCalls: 0, inputTokens: 0, outputTokens: 0, costUsd: 0, activeMs: 0, byModel: {} },
    base: { turns: 0, tokens: 0, toolCalls: 0, costUsd: 0, activeMs: 0 },
  };
}

/** The step of its flow that turns carry out has its last answer, and nobody has said anything since. */
export function isStepAnswered({ turn, inbox, flow }: RunState): boolean {
  if (turn.phase !== 'done' || turn.asked > 0 || inbox.length > 0) return false;
  return turn.number > (flow?.step?.from ?? 0);
}

/** A model call, a tool call that the server itself sent, or a flow step's own act. */
export function isInFlight(state: RunState): boolean {
  return (
    state.turn.phase === 'model' ||
    state.steps.length > 0 ||
    state.calls.some((call) => call.state === 'running')
  );
}

/**
 * A call that nothing will bring forward: its wait is closed, and its result did not follow. Only a log that was
 * copied up to the middle of a commit has such calls.
 */
export function isOrphaned(state: RunState, call: CallState): boolean {
  if (call.state === 'cancelled') return true;
  return call.state === 'waiting' && !state.waits.some((wait) => wait.callId === call.callId);
}

/** Something that a segment could do now, were there no hold. */
export function hasWork(state: RunState): boolean {
  switch (state.turn.phase) {
    case 'model':
    case 'again':
      return true;
    case 'tools':
      return state.calls.some((call) => call.state !== 'waiting');
    case 'done':
      return state.waits.length === 0;
  }
}

/** Status of a run that has not ended, in the order of design section 3. */
export function liveStatus(state: RunState): RunStatus {
  if (state.holds.length > 0) return isInFlight(state) ? 'pausing' : 'paused';
  if (state.startedAt === null) return 'queued';
  if (state.mode === 'external') return 'running';
  if (hasWork(state)) return 'running';
  return state.waits.length > 0 ? 'waiting' : 'running';
}

/**
 * When a managed run wants to be driven: RFC 3339 time, or null while it is parked or has ended. `pausing` is
 * due until it is parked, since the step in flight may have to be taken over.
 */
export function dueAt(state: RunState): string | null {
  if (state.mode === 'external') return null;
  switch (state.status) {
    case 'queued':
      return state.startAt !== null && state.startAt > state.at ? state.startAt : state.at;
    case 'running':
    case 'pausing':
      return state.at;
    case 'paused':
    case 'waiting':
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      return null;
  }
}

/** A copy that `apply` may change in place. What `apply` only replaces as a whole is shared. */
export function copyState(state: RunState): RunState {
  const models = Object.entries(state.usage.byModel);
  const byModel = Object.fromEntries(models.map(([model, usage]) => [model, { ...usage }]));
  return {
    ...state,
    holds: [...state.holds],
    waits: state.waits.map((wait) => ({ ...wait })),
    turn: { ...state.turn },
    calls: state.calls.map((call) => ({ ...call })),
    steps: [...state.steps],
    inbox: [...state.inbox],
    remembered: [...state.remembered],
    usage: { ...state.usage, byModel },
  };
}
