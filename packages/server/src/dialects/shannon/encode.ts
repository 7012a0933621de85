import {
  inputMessages,
  isJsonObject,
  textOf,
  type Json,
  type JsonObject,
  type Run,
  type RunStatus,
} from '@fermata/protocol';
import { taskIdOf } from './task-id.ts';

/** What the face keeps with a run that it has started, to be shown again. */
export interface ShannonEcho {
  query: string;
  sessionId: string;
  mode: string | null;
  context: JsonObject;
  /** A plan is proposed and reviewed before the work begins. */
  isReviewed: boolean;
}

const PLAIN_STATUS = {
  queued: 'QUEUED',
  running: 'RUNNING',
  // Paused shows as soon as it is asked for, while the step in flight still goes on.
  pausing: 'PAUSED',
  paused: 'PAUSED',
  waiting: 'RUNNING',
  succeeded: 'COMPLETED',
  failed: 'FAILED',
  cancelled: 'CANCELLED',
} satisfies Record<RunStatus, string>;

/** `QUEUED`, `RUNNING`, …: the names of the list filter and of session histories. */
export function plainStatus(run: Pick<Run, 'status' | 'error'>): string {
  if (run.status === 'failed' && run.error?.code === TIMED_OUT) return 'TIMEOUT';
  return PLAIN_STATUS[run.status];
}

export const TIMED_OUT = 'timed_out';

export function taskStatus(run: Pick<Run, 'status' | 'error'>): string {
  return `TASK_STATUS_${plainStatus(run)}`;
}

/** The word in `cannot pause … task`. */
export function endedWord(run: Pick<Run, 'status' | 'error'>): string | null {
  switch (plainStatus(run)) {
    case 'COMPLETED':
      return 'completed';
    case 'FAILED':
      return 'failed';
    case 'CANCELLED':
      return 'cancelled';
    case 'TIMEOUT':
      return 'timed out';
    default:
      return null;
  }
}

/** What this face kept with the run; for a run of another face, what comes nearest. */
export function echoOf(run: Pick<Run, 'face' | 'origin' | 'input' | 'title' | 'sessionId'>): ShannonEcho {
  const kept = run.face !== null && isJsonObject(run.face['shannon']) ? run.face['shannon'] : {};
  const { query, sessionId, mode, context, isReviewed } = kept;
  return {
    query: typeof query === 'string' ? query : inputText(run.input) || (run.title ?? ''),
    sessionId: typeof sessionId === 'string' ? sessionId : (run.sessionId ?? ''),
    mode: typeof mode === 'string' ? mode : null,
    context: isJsonObject(context) ? context : {},
    isReviewed: isReviewed === true,
  };
}

function inputText(input: Json | null): string {
  const last = inputMessages(input ?? undefined).findLast((message) => message.role === 'user');
  return last === undefined ? '' : textOf(last.parts);
}

/** The answer as text: the output itself, or its JSON. */
export function resultText(output: Json | null): string {
  if (output === null) return '';
  return typeof output === 'string' ? output : JSON.stringify(output);
}

export function totalTokens({ usage }: Pick<Run, 'usage'>): number {
  return usage.inputTokens + usage.outputTokens;
}

/** A model name in its two parts, `provider/name`. */
export function modelParts(name: string): { provider: string; model: string } {
  const slash = name.indexOf('/');
  return slash < 0
    ? { provider: '', model: name }
    : { provider: name.slice(0, slash), model: name.slice(slash + 1) };
}

/** GET /api/v1/tasks/{id}: members without a value are left out, as Go's `omitempty` does. */
export function taskJson(run: Run): JsonObject {
  const echo = echoOf(run);
  const id = taskIdOf(run);
  const result = resultText(run.output);
  const used = Object.keys(run.usage.byModel)[0] ?? run.agent?.model;
  return {
    task_id: id,
    workflow_id: id,
    status: taskStatus(run),
    ...(result === '' ? {} : { result }),
    ...(isJsonObject(run.output) ? { response: run.output } : objectIn(result)),
    ...(run.error === null ? {} : { error: run.error.message, error_message: run.error.message }),
    created_at: run.createdAt,
    updated_at: run.updatedAt,
    query: echo.query,
    ...(echo.sessionId === '' ? {} : { session_id: echo.sessionId }),
    ...(echo.mode === null ? {} : { mode: echo.mode }),
    ...(Object.keys(echo.context).length === 0 ? {} : { context: echo.context }),
    ...(used === undefined
      ? {}
      : { model_used: modelParts(used).model, provider: modelParts(used).provider }),
    usage: {
      total_tokens: totalTokens(run),
      input_tokens: run.usage.inputTokens,
      output_tokens: run.usage.outputTokens,
      estimated_cost: run.usage.costUsd ?? 0,
    },
    metadata: { ...run.metadata, model_breakdown: modelBreakdown(run) },
  };
}

function objectIn(text: string): { response?: JsonObject } {
  if (!text.startsWith('{')) return {};
  try {
    const value = JSON.parse(text) as Json;
    return isJsonObject(value) ? { response: value } : {};
  } catch {
    return {};
  }
}

function modelBreakdown(run: Run): JsonObject[] {
  const total = totalTokens(run);
  return Object.entries(run.usage.byModel).map(([name, used]) => {
    const tokens = used.inputTokens + used.outputTokens;
    return {
      ...modelParts(name),
      executions: used.turns,
      tokens,
      cost_usd: used.costUsd ?? 0,
      percentage: total === 0 ? 0 : Math.round((tokens / total) * 100),
    };
  });
}

/** One item of GET /api/v1/tasks. */
export function taskItem(run: Run): JsonObject {
  const echo = echoOf(run);
  return {
    task_id: taskIdOf(run),
    query: echo.query,
    status: taskStatus(run),
    mode: executionMode(echo.mode),
    created_at: run.createdAt,
    ...(run.finishedAt === null ? {} : { completed_at: run.finishedAt }),
    total_token_usage: {
      total_tokens: totalTokens(run),
      cost_usd: run.usage.costUsd ?? 0,
      prompt_tokens: run.usage.inputTokens,
      completion_tokens: run.usage.outputTokens,
    },
  };
}

function executionMode(mode: string | null): string {
  if (mode === 'simple') return 'EXECUTION_MODE_SIMPLE';
  return mode === 'complex' || mode === 'supervisor' ? 'EXECUTION_MODE_COMPLEX' : 'EXECUTION_MODE_STANDARD';
}

/** GET …/control-state: seven keys, always. */
export function controlState(run: Run): JsonObject {
  const isPaused = run.status === 'pausing' || run.status === 'paused';
  const hold = isPaused ? run.holds[0] : undefined;
  const isCancelled = run.status === 'cancelled';
  return {
    is_paused: isPaused,
    is_cancelled: isCancelled,
    paused_at: hold === undefined ? '' : toSecond(hold.since),
    pause_reason: hold?.reason ?? '',
    paused_by: hold?.by.id ?? '',
    cancel_reason: isCancelled ? (run.endedBy?.reason ?? '') : '',
    cancelled_by: isCancelled ? (run.endedBy?.actor.id ?? '') : '',
  };
}

/** RFC 3339 to the second. */
export function toSecond(time: string): string {
  return time.replace(/\.\d+Z$/, 'Z');
}
