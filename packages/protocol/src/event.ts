import { z } from 'zod';
import { actorSchema } from './actor.ts';
import { runAgentSchema } from './agent.ts';
import { messageRoleSchema, partSchema } from './content.ts';
import { FAILURE_CODES } from './error-code.ts';
import { holdSchema } from './hold.ts';
import { jsonObjectSchema, looseJsonSchema } from './json.ts';
import { limitsSchema, onLimitSchema, onProviderFailureSchema } from './limits.ts';
import { planStepSchema } from './plan-step.ts';
import { roleSchema, runKindSchema, runModeSchema, runOriginSchema, runStatusSchema } from './status.ts';
import {
  answerBodySchema,
  openWaitSchema,
  resolutionSchema,
  waitBodySchema,
  waitKindSchema,
} from './wait.ts';

/** Version of the event data. A reader that meets a `v` it does not know gives the run back. */
export const EVENT_VERSION = 1;

const by = actorSchema;
const reason = z.string().nullable().describe('Why, or null');
const turn = z.number().int().positive().describe('Turn, from 1');
const attempt = z.number().int().positive().describe('Attempt, from 1');
const fallback = z
  .number()
  .int()
  .min(0)
  .describe('Which of the agent’s fallbacks is tried, from 0; absent: none yet');
const callId = z.string().describe('Tool call');
const waitId = z.string().describe('Wait');
const tool = z.string().describe('Tool name');
const stepId = z.string().describe('Flow step');
const next = z.string().nullable().optional();
const unresolved = z.array(z.string()).optional();
const late = z.boolean().optional().describe('Came after it could matter; changes nothing');

export const checkpointSchema = z
  .object({
    seq: z.number().int().describe('Event that it stands at'),
    label: z.string().describe('turn-<n>/before-model, turn-<n>/before-tools, step-<id>/before'),
  })
  .describe('A committed boundary between two steps');
export type Checkpoint = z.infer<typeof checkpointSchema>;

export const runErrorSchema = z
  .object({
    code: z
      .union([z.enum(FAILURE_CODES), z.string()])
      .describe('provider_failed, timed_out, max_turns, budget_exhausted, … or the reporter’s own'),
    message: z.string().describe('What happened'),
  })
  .describe('Why the run failed');
export type RunError = z.infer<typeof runErrorSchema>;

export const tokenUsageSchema = z
  .object({
    inputTokens: z.number().int().min(0).describe('Tokens read'),
    cachedInputTokens: z
      .number()
      .int()
      .min(0)
      .optional()
      .describe('Of these: what the provider had in its cache'),
    outputTokens: z.number().int().min(0).describe('Tokens written'),
    costUsd: z.number().nullable().describe('US dollars; null when the model has no price'),
  })
  .describe('What a model call used');
export type TokenUsage = z.infer<typeof tokenUsageSchema>;

export const toolCallSchema = z
  .object({
    callId,
    providerCallId: z.string().nullable().describe('The provider’s id, used towards the provider only'),
    tool,
    args: looseJsonSchema.describe('Arguments'),
    invalid: z
      .string()
      .optional()
      .describe('Why the call cannot be made (no such tool, arguments that are no JSON)'),
  })
  .describe('A call that the model asks for');
export type ToolCall = z.infer<typeof toolCallSchema>;

/** The data of every event type of the log. The list is closed; a vendor's names never stand here. */
export const EVENT_DATA = {
  'run.created': z.object({
    number: z.number().int().describe('Number of the run'),
    organizationId: z.number().int().describe('Organization'),
    by,
    key: z.string().nullable().describe('The caller’s own unique name, or null'),
    mode: runModeSchema,
    kind: runKindSchema,
    origin: runOriginSchema,
    agent: runAgentSchema
      .nullable()
      .describe('The agent, pinned; null for a flow or an external run without one'),
    flow: jsonObjectSchema.nullable().describe('The flow, pinned, or null'),
    title: z.string().nullable().describe('Title, or null'),
    sessionId: z.string().nullable().describe('Session, or null'),
    missionId: z.string().nullable().describe('Mission, or null'),
    parent: z
      .object({ runId: z.string().describe('Parent run'), callId, waitId })
      .nullable()
      .describe('The run that delegated, or null'),
    depth: z.number().int().optional().describe('How many runs are above it; absent: none'),
    forkedFrom: z
      .object({
        runId: z.string().describe('Original run'),
        seq: z.number().int().describe('Last event copied'),
      })
      .nullable()
      .describe('Where it was forked from, or null'),
    forkedReceipts: z
      .string()
      .optional()
      .describe('forkedFrom: hash of the last of the original’s receipts up to there'),
    input: looseJsonSchema.nullable().describe('The input as it was given'),
    limits: limitsSchema,
    onLimit: onLimitSchema,
    onProviderFailure: onProviderFailureSchema,
    metadata: jsonObjectSchema.describe('The caller’s own data'),
    face: jsonObjectSchema.nullable().describe('What the starting dialect must echo, or null'),
    startAt: z.string().nullable().describe('Not before, or null'),
    traceparent: z.string().nullable().describe('W3C trace context of the request, or null'),
  }),
  'run.started': z.object({ by }),
  'run.pausing': z.object({ by, reason, hold: z.string().describe('Hold that asked for it') }),
  'run.paused': z.object({
    checkpoint: checkpointSchema,
    holds: z.array(z.string()).describe('Holds that are on'),
  }),
  'run.resumed': z.object({ by, reason }),
  'run.waiting': z.object({ waitIds: z.array(waitId).describe('Open waits') }),
  'run.reopened': z.object({
    by,
    reason,
    via: z.enum(['retry', 'message', 'report']).describe('What reopened it'),
    deadlineDropped: z.boolean().describe('limits.deadlineAt had passed and was dropped'),
  }),
  'run.succeeded': z.object({
    by,
    output: looseJsonSchema.nullable().describe('Last assistant text, or the structured result'),
    summary: z.string().nullable().describe('Summary, or null'),
  }),
  'run.failed': z.object({
    by,
    error: runErrorSchema,
    output: looseJsonSchema.nullable().describe('Output so far, or null'),
    summary: z.string().nullable().describe('Summary, or null'),
  }),
  'run.cancelled': z.object({
    by,
    reason,
    checkpoint: checkpointSchema.nullable().describe('Where it stood, or null'),
    wasPaused: z.boolean().describe('It was paused or pausing'),
  }),
  'run.updated': z.object({
    by,
    title: z.string().nullable().optional().describe('New title'),
    metadata: jsonObjectSchema.optional().describe('Merge patch of the metadata (RFC 7396)'),
    limits: limitsSchema.optional().describe('Merge patch of the limits'),
    sealed: z.boolean().optional().describe('Sealed or unsealed'),
    reason: z.string().nullable().optional().describe('Why'),
    model: z.string().optional().describe('Model from the next turn on'),
    output: looseJsonSchema.nullable().optional().describe('external: output so far'),
    summary: z.string().nullable().optional().describe('external: summary'),
    error: runErrorSchema.nullable().optional().describe('external: error'),
  }),
  'hold.placed': z.object({
    hold: holdSchema,
    at: z.enum(['checkpoint', 'now']).describe('How it stops the step'),
    parentSeq: z.number().int().optional().describe('Placed by the parent: seq in the parent’s log'),
  }),
  'hold.released': z.object({
    name: z.string().describe('Hold'),
    by,
    reason,
    granted: limitsSchema.optional().describe('budget: the limits from now on'),
    parentSeq: z.number().int().optional().describe('Released by the parent: seq in the parent’s log'),
  }),
  'message.received': z.object({
    messageId: z.string().nullable().describe('The client’s own id, or null'),
    role: messageRoleSchema,
    parts: z.array(partSchema).describe('Content'),
    by,
    history: z.boolean().optional().describe('Taken over from an earlier run of the session'),
  }),
  'message.completed': z.object({
    turn,
    attempt,
    parts: z.array(partSchema).describe('What the model said'),
    toolCalls: z.array(toolCallSchema).describe('Calls that it asks for'),
    finishReason: z.string().describe('stop, tool_calls, length, content_filter, …'),
    usage: tokenUsageSchema,
    model: z.string().describe('Model that answered'),
  }),
  'message.delta': z.object({
    turn,
    attempt,
    part: z.number().int().min(0).describe('Index of the part'),
    channel: z.enum(['text', 'reasoning', 'tool_input']).describe('What grows'),
    text: z.string().describe('What is added'),
    from: z.number().int().optional().describe('First seq that a compacted delta stands for'),
  }),
  'turn.started': z.object({
    turn,
    attempt,
    through: z.number().int().describe('Last seq that the prompt contains'),
    model: z.string().describe('Model that is called'),
    fallback: fallback.optional(),
    forced: tool.optional().describe('Tool that the model must call in this turn (mustCall)'),
  }),
  'turn.completed': z.object({ turn }),
  'turn.failed': z.object({
    turn,
    attempt,
    error: runErrorSchema,
    retryAfterMs: z.number().int().nullable().describe('Tried again after this time, ms; null: not'),
    fallback: fallback.optional(),
  }),
  'step.started': z.object({
    stepId,
    attempt,
    input: looseJsonSchema.nullable().describe('Input'),
    call: toolCallSchema.optional().describe('Carried out by this call, which the flow itself makes'),
    turns: z.literal(true).optional().describe('Carried out by turns of a model'),
    unresolved: unresolved.describe('Names in its templates that nothing is known of'),
  }),
  'step.completed': z.object({
    stepId,
    output: looseJsonSchema.nullable().describe('Output'),
    next: next.describe('Step that comes next; null: none'),
    unresolved: unresolved.describe('Names in its templates that nothing is known of'),
    fallback: jsonObjectSchema.optional().describe('Which fallbacks were tried: {type, model, attempts}'),
  }),
  'step.skipped': z.object({ stepId, reason, next: next.describe('Step that comes next; null: none') }),
  'step.failed': z.object({
    stepId,
    attempt,
    error: runErrorSchema,
    retryAfterMs: z.number().int().nullable().describe('Tried again after, ms'),
    next: next.describe('The flow goes on without it: the step that comes next; null: none'),
  }),
  'tool.started': z.object({
    turn,
    callId,
    tool,
    attempt,
    idempotencyKey: z.string().describe('run:turn:call, sent with the request'),
    digest: z.string().nullable().describe('Digest of the call as executed, when it was approved'),
  }),
  'tool.output': z.object({
    callId,
    channel: z.string().describe('Stream of the tool'),
    text: z.string().describe('What it wrote'),
  }),
  'tool.completed': z.object({
    callId,
    tool,
    output: looseJsonSchema.describe('Result'),
    by: by.nullable().describe('Who gave it; null when the server made the request'),
    late,
  }),
  'tool.failed': z.object({
    callId,
    tool,
    error: runErrorSchema,
    by: by.nullable().describe('Who reported it, or null'),
    late,
  }),
  'tool.denied': z.object({
    callId,
    tool,
    reason,
    by,
    outcome: z
      .enum(['denied', 'expired', 'superseded', 'cancelled', 'interrupted'])
      .describe('Why it was not executed'),
  }),
  'wait.opened': waitBodySchema,
  'wait.answered_early': z.object({
    callId,
    answer: answerBodySchema,
    via: z.string().describe('Face'),
    early: z
      .object({
        kind: waitKindSchema,
        valueDigest: z.string().describe('SHA-256 of the canonical answer'),
        by,
        at: z.string().describe('When'),
        role: roleSchema.optional().describe('Role of whoever answered'),
      })
      .describe('For which kind of wait, from whom'),
  }),
  'wait.assigned': z.object({ waitId, assignee: z.string().nullable().describe('Assignee'), by }),
  'wait.snoozed': z.object({ waitId, until: z.string().nullable().describe('Until'), by }),
  'wait.resolved': z.object({ waitId, callId: callId.nullable(), resolution: resolutionSchema }),
  'wait.expired': z.object({ waitId, callId: callId.nullable(), resolution: resolutionSchema }),
  'wait.superseded': z.object({ waitId, callId: callId.nullable(), resolution: resolutionSchema }),
  'wait.escalated': z.object({
    waitId,
    step: z.number().int().describe('Step of the ladder, from 0'),
    action: jsonObjectSchema.describe('What was done'),
    by: by.optional().describe('Who did it'),
    deadlineAt: z.string().nullable().describe('When the next step is due'),
  }),
  'wait.cancelled': z.object({ waitId, callId: callId.nullable(), resolution: resolutionSchema }),
  'segment.lost': z.object({
    epoch: z.number().int().describe('Epoch that was lost'),
    executorId: z.string().nullable().describe('Process that died'),
    deaths: z.number().int().describe('Deaths in a row without a committed step'),
  }),
  'segment.returned': z.object({
    reason: z
      .enum([
        'pause_now',
        'cancelled',
        'reported',
        'failed',
        'drain',
        'unknown_version',
        'orphaned',
        'forked',
      ])
      .describe('Why it was given back'),
  }),
  'tree.paused': z.object({ runs: z.number().int().describe('Runs in the tree') }),
  'child.started': z.object({ childRunId: z.string().describe('Child run'), callId, waitId }),
  'child.changed': z.object({
    childRunId: z.string().describe('Child run'),
    status: runStatusSchema,
    openWaits: z.array(openWaitSchema).describe('Its open waits, and those of the runs below it'),
    childSeq: z.number().int().describe('Seq in the child’s log'),
    treeStopped: z.boolean().optional().describe('It and the runs below it are paused or have ended'),
    runs: z.number().int().optional().describe('Runs of its tree that have not ended'),
    parentSeq: z.number().int().optional().describe('Last event of the parent that the child has acted on'),
  }),
  'child.finished': z.object({
    childRunId: z.string().describe('Child run'),
    status: runStatusSchema,
    output: looseJsonSchema.nullable().describe('Output'),
    error: runErrorSchema.nullable().describe('Error'),
    childSeq: z.number().int().describe('Seq in the child’s log'),
  }),
  'plan.created': z.object({ by, steps: z.array(planStepSchema).describe('Steps') }),
  'plan.steps_added': z.object({ by, steps: z.array(planStepSchema).describe('Steps') }),
  'plan.step_updated': z.object({ by, stepId, patch: jsonObjectSchema.describe('Changed fields') }),
  'note.logged': z.object({
    by,
    noteType: z.string().max(200).describe('The client’s own type'),
    summary: z.string().nullable().describe('One line, or null'),
    data: looseJsonSchema.nullable().describe('Data, or null'),
    key: z.string().nullable().describe('Idempotency key of the note, unique in the run, or null'),
    stepId: z.string().optional().describe('Plan step that it is about'),
    agentId: z.string().optional().describe('Who of the client’s agents did it, by the client’s own id'),
  }),
  'usage.recorded': z.object({
    model: z.string().describe('Model'),
    usage: tokenUsageSchema,
    source: z.string().describe('What used it'),
  }),
} as const;

export type EventType = keyof typeof EVENT_DATA;
export const EVENT_TYPES = Object.keys(EVENT_DATA) as EventType[];
export const eventTypeSchema = z.enum(EVENT_TYPES as [EventType, ...EventType[]]).describe('Event type');

export type EventData<T extends EventType> = z.infer<(typeof EVENT_DATA)[T]>;

/** An event as decided, before it has its place in the log. */
export type NewEvent = { [T in EventType]: { type: T; data: EventData<T> } }[EventType];

/** A committed fact in a run's log. `seq` is dense per run from 1 (a compacted delta stands for `from…seq`). */
export type RunEvent = {
  [T in EventType]: { runId: string; seq: number; type: T; at: string; v: number; data: EventData<T> };
}[EventType];

export type EventOf<T extends EventType> = Extract<RunEvent, { type: T }>;

export const runEventSchema = z
  .object({
    runId: z.string().describe('Run'),
    seq: z.number().int().positive().describe('Place in the run’s log'),
    type: eventTypeSchema,
    at: z.string().describe('When, RFC 3339 UTC with milliseconds'),
    v: z.number().int().describe('Version of the data'),
    data: jsonObjectSchema.describe('What happened; the shape depends on the type'),
  })
  .meta({ id: 'Event' })
  .describe('A committed fact in a run’s log');
