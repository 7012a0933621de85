import type {
  Actor,
  AnswerBody,
  EventData,
  Json,
  JsonObject,
  Limits,
  MessageRole,
  Part,
  Resolution,
  Role,
  RunError,
  TokenUsage,
  ToolCall,
  WaitBody,
} from '@fermata/protocol';
import type { CountingLimit, DailyLimit } from '@fermata/protocol';
import type { NewRun } from './new-run.ts';
import type { Plan, PlanChange } from './plan.ts';

/** Every command on one existing run. The first group comes from outside, the second from the driver. */
export interface Commands {
  pause: {
    by: Actor;
    reason: string | null;
    hold: string;
    at: 'checkpoint' | 'now';
    stopClock: boolean;
    /** The child runs are held too, unless this is false. */
    tree?: boolean;
  };
  /** `hold: null` releases operator, provider and budget. `limits` raise what a budget hold ran into. */
  resume: {
    by: Actor;
    reason: string | null;
    hold: string | null;
    limits: Limits | null;
    model: string | null;
  };
  answer: {
    by: Actor;
    role: Role;
    via: string;
    target: { waitId: string } | { callId: string };
    answer: AnswerBody;
    /** `shown`: the face has no digest on its wire and answers with the one it showed. */
    digest: 'required' | 'optional' | 'shown';
  };
  message: {
    by: Actor;
    messageId: string | null;
    role: MessageRole;
    parts: Part[];
    onWaiting: 'queue' | 'supersede' | null;
    resume: boolean;
    reopen: boolean;
    model: string | null;
    reason: string | null;
  };
  report: {
    by: Actor;
    status: 'running' | 'succeeded' | 'failed' | null;
    output: Json | undefined;
    summary: string | null | undefined;
    error: RunError | null | undefined;
    reopen: boolean;
    reason: string | null;
  };
  retry: { by: Actor; reason: string | null };
  cancel: { by: Actor; reason: string | null };
  update: {
    by: Actor;
    title?: string | null | undefined;
    metadata?: JsonObject | undefined;
    /** `metadata` is the whole of it, not a merge patch. */
    replacesMetadata?: boolean | undefined;
    limits?: Limits | undefined;
    sealed?: boolean | undefined;
    reason: string | null;
  };
  note: { by: Actor; note: EventData<'note.logged'> };
  plan: { by: Actor; change: PlanChange };
  assign: { by: Actor; waitId: string; assignee: string | null };
  snooze: { by: Actor; waitId: string; until: string | null };
  /** A timer fires, or the last step of a deadline ladder is due. */
  expire: { by: Actor; waitId: string; expectedDeadlineAt: string | null };
  /** A limit of time was reached, outside of any step. */
  exhaust: { by: Actor; limit: CountingLimit | 'deadlineAt' };

  /** Takes the run for a segment; `run.started` the first time. */
  claim: { by: Actor };
  startTurn: {
    through: number;
    turn: number;
    attempt: number;
    model: string;
    /** Tool that the model must call; a further attempt keeps the one of the first. */
    forced?: string | null;
  };
  delta: {
    turn: number;
    attempt: number;
    part: number;
    channel: 'text' | 'reasoning' | 'tool_input';
    text: string;
  };
  completeTurn: {
    turn: number;
    attempt: number;
    parts: Part[];
    toolCalls: Omit<ToolCall, 'callId'>[];
    finishReason: string;
    usage: TokenUsage;
    model: string;
    /** What the run's output becomes when it can finish here. */
    output: Json | null;
    /** In a flow: the end of the step that this turn carries out, when nothing is left to do for it. */
    then?: readonly StepEnd[];
  };
  failTurn: {
    turn: number;
    attempt: number;
    error: RunError;
    /**
     * `retry`: the segment tries again after `afterMs`; with `fallback`, the agent's fallback of that index. `step`:
     * the step of the flow fails with it.
     */
    then:
      | { kind: 'retry'; afterMs: number; fallback?: number }
      | { kind: 'fail' }
      | { kind: 'hold' }
      | { kind: 'step'; step: CommandOf<'failStep'> };
  };
  /** Begins a step of the flow. `own`: it is over with this commit, as `then` says. */
  startStep: {
    stepId: string;
    attempt: number;
    input: Json | null;
    unresolved?: string[];
    work:
      | { kind: 'turns' }
      | { kind: 'call'; tool: string; args: Json }
      | { kind: 'own'; then: readonly StepEnd[] };
  };
  /** `next`: the step that comes then, or null at the end of the flow. */
  completeStep: {
    stepId: string;
    attempt: number;
    output: Json | null;
    next: string | null;
    unresolved?: string[];
    fallback?: JsonObject;
  };
  skipStep: { stepId: string; reason: string | null; next: string | null };
  failStep: {
    stepId: string;
    attempt: number;
    error: RunError;
    /** `fail`: the run fails with `error`. */
    then:
      | { kind: 'retry'; afterMs: number }
      | { kind: 'continue'; next: string | null }
      | { kind: 'fail'; error: RunError };
  };
  startCall: { callId: string; idempotencyKey: string; digest: string | null };
  completeCall: { callId: string; output: Json };
  failCall: { callId: string; error: RunError };
  openWaits: { waits: WaitBody[] };
  /** A wait for a child run, which this very commit creates. */
  delegate: { wait: WaitBody; child: NewRun };
  finish: { output: Json | null };
  /** The run fails for a reason that only the driver can know (`provider_not_configured`, `tool_failed`, …). */
  fail: { error: RunError };
  /** The segment gives the run back: another is to drive it, at once or after `afterMs`. */
  giveBack: { reason: 'drain' | 'unknown_version'; afterMs: number };
  /** The process that drove it is dead, or has lost track of it. */
  adopt: { executorId: string | null; reason: 'dead' | 'orphaned' };
  /** The outcome of a call that came under an old claim. */
  lateOutcome: { callId: string; tool: string; outcome: { output: Json } | { error: RunError } };
  /** A fork that has just been copied: nothing is in flight, holds are released, open waits get new ids. */
  branch: { by: Actor; reason: string | null; waits: { replaces: string; body: WaitBody }[] };
  /** What a run asks of the runs below it. `parentSeq`: in the log of `parentId`, which asks in order. */
  treeHold: {
    parentId: string;
    by: Actor;
    reason: string | null;
    at: 'checkpoint' | 'now';
    stopClock: boolean;
    parentSeq: number;
  };
  treeRelease: { parentId: string; by: Actor; reason: string | null; parentSeq: number };
  treeCancel: { parentId: string; by: Actor; reason: string };
  /** What a run tells its parent. */
  childChanged: EventData<'child.changed'>;
  childFinished: EventData<'child.finished'>;
}

export type CommandType = keyof Commands;
export type Command = { [C in CommandType]: { type: C } & Commands[C] }[CommandType];
export type CommandOf<C extends CommandType> = { type: C } & Commands[C];

/** What ends a step of a flow, and with the last of them the run. */
export type StepEnd = CommandOf<'completeStep'> | CommandOf<'failStep'> | CommandOf<'finish'>;

/** What a closed wait tells a late answer. */
export interface ClosedWait {
  id: string;
  kind: string;
  callId: string | null;
  resolution: Resolution;
}

/** An answer that was kept until its wait opens. */
export interface EarlyAnswer {
  callId: string;
  kind: string;
  answer: AnswerBody;
  by: Actor;
  /** Of `by`; answers that were kept without it count as an operator's. */
  role: Role;
  via: string;
  at: string;
}

/** What is read under the lock, beside the locked row. */
export interface DecisionFacts {
  /** A segment holds the run's claim. */
  driven: boolean;
  /** Deaths in a row without a committed step, the present claim included while it has not come to one. */
  attempts: number;
  epoch: number;
  /** Closed waits that an answer of this commit names, by wait id and by call id. */
  closed: readonly ClosedWait[];
  early: readonly EarlyAnswer[];
  /** Client message ids and note keys of this commit that the log has already, as `kind:key`, with their seq. */
  known: ReadonlyMap<string, number>;
  /** The wide fields that `update` and `report` compare with; null when no command of the commit needs them. */
  record: ReportedFields | null;
  /** The plan as the log has it; absent when no command of the commit needs it. */
  plan?: Plan;
  /** Limits of the organization that are used up for today. */
  daily?: readonly ReachedDailyLimit[];
}

/** A limit of the whole organization, which is used up until the next day begins. */
export interface ReachedDailyLimit {
  limit: DailyLimit;
  most: number;
  /** RFC 3339. */
  until: string;
}

/** What is not given is not known, and then counts as another value. */
export interface ReportedFields {
  title: string | null;
  metadata: JsonObject;
  output?: Json | null;
  summary?: string | null;
  error?: RunError | null;
}
