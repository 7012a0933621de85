import type {
  AgentFields,
  AnswerBody,
  EventType,
  Json,
  JsonObject,
  Limits,
  MessageRole,
  Part,
  PlanStep,
  Preview,
  Run,
  RunError,
  RunEvent,
  RunMode,
  RunOrigin,
  RunStatus,
  TranscriptMessage,
  Wait,
  WaitKind,
  WaitState,
} from '@fermata/protocol';
import type { Caller, CommandOptions, Page, PageQuery } from './caller.ts';
import type { StartRun } from './start-request.ts';
import type { SchedulesFacade, SessionsFacade } from './facade-sessions.ts';
import type {
  BlobsFacade,
  AgentsFacade,
  IdentityFacade,
  ReceiptsFacade,
  RecordsFacade,
} from './facade-accounts.ts';
import type { ClientsFacade } from './facade-clients.ts';
import type { InboxFacade, UsageFacade } from './facade-inbox.ts';
import type { FlowsFacade } from './facade-flows.ts';
import type { JobsFacade } from './facade-jobs.ts';
import type { MissionsFacade } from './facade-missions.ts';
import type { WebhooksFacade } from './facade-webhooks.ts';
import type { PlanChange } from './plan.ts';

/**
 * The facade: what HTTP and the dialects may ask of the engine. Every method that changes something ends in
 * `commit()`; all methods throw `EngineError`, and those with `options` may throw `ReplayedReply`.
 */
export interface Engine {
  readonly runs: RunsFacade;
  readonly waits: WaitsFacade;
  readonly previews: PreviewsFacade;
  readonly events: EventsFacade;
  readonly blobs: BlobsFacade;
  readonly agents: AgentsFacade;
  readonly flows: FlowsFacade;
  readonly identity: IdentityFacade;
  readonly records: RecordsFacade;
  readonly receipts: ReceiptsFacade;
  readonly jobs: JobsFacade;
  readonly inbox: InboxFacade;
  readonly usage: UsageFacade;
  readonly missions: MissionsFacade;
  readonly plans: PlansFacade;
  readonly webhooks: WebhooksFacade;
  readonly sessions: SessionsFacade;
  readonly schedules: SchedulesFacade;
  readonly clients: ClientsFacade;
}

export interface Changed {
  run: Run;
  changed: boolean;
}

export type { StartRun };

export interface SendMessage {
  parts: Part[];
  role?: MessageRole | undefined;
  messageId?: string | undefined;
  onWaiting?: 'queue' | 'supersede' | undefined;
  resume?: boolean | undefined;
  reopen?: boolean | undefined;
  model?: string | undefined;
  reason?: string | undefined;
}

export interface AddressedAnswer extends AnswerBody {
  waitId?: string | undefined;
  callId?: string | undefined;
}

export interface ResumeRun {
  reason?: string | undefined;
  hold?: string | undefined;
  messages?: { role: MessageRole; parts: Part[] }[] | undefined;
  messageId?: string | undefined;
  onWaiting?: 'queue' | 'supersede' | undefined;
  model?: string | undefined;
  answers?: AddressedAnswer[] | undefined;
  limits?: Limits | undefined;
}

export interface ReportRun {
  status?: 'running' | 'succeeded' | 'failed' | undefined;
  output?: Json | undefined;
  summary?: string | null | undefined;
  error?: RunError | null | undefined;
  reopen?: boolean | undefined;
  reason?: string | undefined;
}

/** One of several changes of a run that are one commit. */
export type RunCommand =
  | ({ type: 'report' } & ReportRun)
  | { type: 'update'; title?: string | null; metadata?: JsonObject; replacesMetadata?: boolean }
  | { type: 'pause' | 'resume' | 'cancel'; reason?: string }
  | { type: 'plan'; change: PlanChange }
  | ({ type: 'answer' } & AddressedAnswer)
  | ({ type: 'message' } & SendMessage);

export interface RunQuery extends PageQuery {
  /** Only these runs, by UUID. */
  ids?: string[] | undefined;
  status?: RunStatus[] | undefined;
  kind?: string[] | undefined;
  /** All but these. */
  withoutKind?: string[] | undefined;
  agent?: string[] | undefined;
  flow?: string[] | undefined;
  origin?: RunOrigin[] | undefined;
  session?: string | undefined;
  /** Null: runs without a mission. */
  mission?: string | null | undefined;
  /** Leaves out the runs of deleted missions. */
  missionKept?: boolean | undefined;
  mode?: RunMode | undefined;
  /** Exactly this title. */
  title?: string | undefined;
  parent?: string | undefined;
  hold?: string[] | undefined;
  errorCode?: string[] | undefined;
  /** Runs with none of these. */
  notErrorCode?: string[] | undefined;
  /** Runs without an error, or with one of these. */
  errorCodeOrNone?: string[] | undefined;
  createdBy?: string[] | undefined;
  key?: string | undefined;
  metadata?: Record<string, string> | undefined;
  createdAfter?: string | undefined;
  createdBefore?: string | undefined;
  /** Free text over title and input text. */
  q?: string | undefined;
}

export interface RunsFacade {
  /** `created` is false when `key` named an existing run. */
  start(caller: Caller, request: StartRun, options?: CommandOptions): Promise<{ run: Run; created: boolean }>;
  /** By UUID; `not_found` for strangers. */
  get(caller: Caller, runId: string): Promise<Run>;
  /** By its number, for faces whose ids are integers. */
  getByNumber(caller: Caller, number: number): Promise<Run>;
  list(caller: Caller, query: RunQuery): Promise<Page<Run>>;
  update(
    caller: Caller,
    runId: string,
    patch: {
      title?: string | null | undefined;
      metadata?: JsonObject | undefined;
      limits?: Limits | undefined;
      sealed?: boolean | undefined;
      reason?: string | undefined;
    },
    options?: CommandOptions,
  ): Promise<Changed>;
  report(caller: Caller, runId: string, report: ReportRun, options?: CommandOptions): Promise<Changed>;
  /** Several changes in one commit, in this order: all or none. */
  commands(
    caller: Caller,
    runId: string,
    commands: readonly RunCommand[],
    options?: CommandOptions,
  ): Promise<Changed>;
  pause(
    caller: Caller,
    runId: string,
    request: {
      reason?: string | undefined;
      hold?: string | undefined;
      at?: 'checkpoint' | 'now' | undefined;
      stopClock?: boolean | undefined;
      tree?: boolean | undefined;
    },
    options?: CommandOptions,
  ): Promise<Changed>;
  resume(caller: Caller, runId: string, request: ResumeRun, options?: CommandOptions): Promise<Changed>;
  cancel(
    caller: Caller,
    runId: string,
    /** `seal`: it is sealed in the same commit. */
    request: { reason?: string | undefined; seal?: boolean | undefined },
    options?: CommandOptions,
  ): Promise<Changed>;
  retry(
    caller: Caller,
    runId: string,
    request: { reason?: string | undefined },
    options?: CommandOptions,
  ): Promise<Changed>;
  sendMessage(
    caller: Caller,
    runId: string,
    request: SendMessage,
    options?: CommandOptions,
  ): Promise<Changed & { message: { id: string | null; seq: number } }>;
  fork(
    caller: Caller,
    runId: string,
    request: {
      at?: number | string | undefined;
      answers?: AddressedAnswer[] | undefined;
      messages?: { role: MessageRole; parts: Part[] }[] | undefined;
      agent?: AgentFields | undefined;
      reason?: string | undefined;
    },
    options?: CommandOptions,
  ): Promise<{ run: Run; created: boolean }>;
  /** A `key` that was used before changes nothing: the reply has the event of then. */
  addNote(
    caller: Caller,
    runId: string,
    note: {
      type: string;
      summary?: string | undefined;
      data?: Json | undefined;
      key?: string | undefined;
      stepId?: string | undefined;
      agentId?: string | undefined;
    },
    options?: CommandOptions,
  ): Promise<Changed & { event: RunEvent }>;
  /** The folded transcript; `after` and `before` are seqs. */
  messages(
    caller: Caller,
    runId: string,
    query: { after?: number | undefined; before?: number | undefined; limit?: number | undefined },
  ): Promise<Page<TranscriptMessage>>;
}

export interface PlansFacade {
  /** Steps in their order; empty without a plan. `not_found` for a stranger's run. */
  get(caller: Caller, runId: string): Promise<PlanStep[]>;
  /** `steps`: those that the change names, as they stand after it. */
  change(
    caller: Caller,
    runId: string,
    change: PlanChange,
    options?: CommandOptions,
  ): Promise<Changed & { steps: PlanStep[] }>;
}

export interface WaitQuery extends PageQuery {
  run?: string | undefined;
  kind?: WaitKind[] | undefined;
  state?: WaitState[] | undefined;
  assignee?: string | undefined;
  tool?: string[] | undefined;
  /** Opened longer ago than this, RFC 3339. */
  openedBefore?: string | undefined;
  deadlineBefore?: string | undefined;
  agent?: string[] | undefined;
  /** Ids of actors. */
  decidedBy?: string[] | undefined;
  decidedAfter?: string | undefined;
}

export interface WaitsFacade {
  list(caller: Caller, query: WaitQuery): Promise<Page<Wait>>;
  get(caller: Caller, waitId: string): Promise<Wait>;
  answer(
    caller: Caller,
    waitId: string,
    answer: AnswerBody,
    options?: CommandOptions,
  ): Promise<Changed & { wait: Wait }>;
  /** The run of a call: the given one, or the one below it whose number the call id carries. */
  runOfCall(caller: Caller, runId: string, callId: string): Promise<string>;
  /** By call id, of the run or of one below it; may come before the wait opens (then `wait` is null). */
  answerCall(
    caller: Caller,
    runId: string,
    callId: string,
    answer: AnswerBody,
    options?: CommandOptions,
  ): Promise<Changed & { wait: Wait | null }>;
  snooze(
    caller: Caller,
    waitId: string,
    until: string | null,
    options?: CommandOptions,
  ): Promise<Changed & { wait: Wait }>;
  assign(
    caller: Caller,
    waitId: string,
    assignee: string | null,
    options?: CommandOptions,
  ): Promise<Changed & { wait: Wait }>;
}

/**
 * What a command would bring about. Each method decides as its namesake does in earnest, throws what that would throw,
 * and changes nothing.
 */
export interface PreviewsFacade {
  resume(caller: Caller, runId: string, request: ResumeRun): Promise<Preview>;
  sendMessage(caller: Caller, runId: string, request: SendMessage): Promise<Preview>;
  answer(caller: Caller, waitId: string, answer: AnswerBody): Promise<Preview>;
  /** On the run of the call, as `waits.runOfCall` tells it. */
  answerCall(caller: Caller, runId: string, callId: string, answer: AnswerBody): Promise<Preview>;
}

export interface EventQuery {
  after?: number | undefined;
  before?: number | undefined;
  order?: 'asc' | 'desc' | undefined;
  types?: EventType[] | undefined;
  limit?: number | undefined;
  /** Beside `after` and `before`. */
  offset?: number | undefined;
  /** How many there are, whatever the page. */
  total?: boolean | undefined;
}

/** Events of these types, of runs of this mode, where a text of the data is, or is not, one of these values. */
export interface EventSelector {
  types: readonly EventType[];
  mode?: RunMode;
  where?: { path: readonly string[]; is: boolean; values: readonly string[] };
}

/** Newest first, by offset. Without a run: of every run whose mission is not deleted. */
export interface EventSelection extends PageQuery {
  run?: string | undefined;
  /** Events that one of these matches. */
  any: readonly EventSelector[];
  stepId?: string | undefined;
  agentId?: string | undefined;
}

/** A hint that a run has changed: best effort, coalesced. */
export interface RunChange {
  runId: string;
  status: RunStatus;
  head: number;
  openWaits: number;
}

export interface EventsFacade {
  list(caller: Caller, runId: string, query: EventQuery): Promise<Page<RunEvent>>;
  /** Events by what they are, of one run or of all: for faces that show a part of the log. */
  select(caller: Caller, query: EventSelection): Promise<Page<RunEvent>>;
  /**
   * Events after `after`, in batches, gap-free and for ever, until `signal` aborts. Checks the caller and the
   * cursor before it yields: `not_found`, `cursor_ahead`. `null` in place of a batch: nothing has come for a
   * while (heartbeat). The consumer decides when to stop, and asks `isParked` for `until=parked`.
   */
  tail(
    caller: Caller,
    runId: string,
    after: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<RunEvent[] | null>>;
  changes(caller: Caller, signal: AbortSignal): AsyncIterable<RunChange[] | null>;
}
