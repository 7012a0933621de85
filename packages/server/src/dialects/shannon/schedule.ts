import { isJsonObject, type Json, type JsonObject, type Run } from '@fermata/protocol';
import { EngineError } from '../../engine/errors.ts';
import type { ScheduledRun, ScheduleFields, ScheduleView } from '../../engine/facade-sessions.ts';
import { checkSchedule, nextFireAt, shortestGapMs } from '../../engine/schedule-times.ts';
import { echoOf, modelParts, plainStatus, resultText, totalTokens } from './encode.ts';
import { badRequest, WireError } from './errors.ts';
import type { ShannonRequest } from './route.ts';
import { found, isUuid, taskIdOf } from './task-id.ts';

export const MAX_SCHEDULES = 50;
const MIN_GAP_MINUTES = 60;
const MAX_BUDGET_USD = 10;
const DEFAULT_TIMEOUT_SECONDS = 3600;
/** Gaps are looked at from the same day on, so that the same expression is always judged the same. */
const GAPS_SINCE = '2026-01-01T00:00:00.000Z';

/** What the face keeps with a schedule, to show it again. */
interface ScheduleEcho {
  task_query: string;
  task_context: JsonObject;
  max_budget_per_run_usd: number;
  timeout_seconds: number;
}

/** `sched_<32 hex>` as the UUID that Shannon shows, and back. */
export function scheduleUuid(scheduleId: string): string {
  return scheduleId.replace(/^sched_(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export function scheduleIdIn(uuid: string): string {
  // Shannon parses the id before it looks anything up, and answers so when it cannot.
  if (!isUuid(uuid)) throw new WireError(500, { error: 'invalid schedule ID' });
  return `sched_${uuid.toLowerCase().replaceAll('-', '')}`;
}

export function findSchedule({ engine, caller, params }: ShannonRequest): Promise<ScheduleView> {
  return scheduleOr404(engine.schedules.get(caller, scheduleIdIn(params['id'] ?? '')));
}

export function scheduleOr404<T>(lookup: Promise<T>): Promise<T> {
  return found(lookup, () => new WireError(404, { error: 'Schedule not found' }));
}

/** Reads the body of a creation. Throws the wire's 400s, in its order. */
export function decodeSchedule(body: JsonObject): ScheduleFields {
  const name = required(body, 'name', 'schedule name required');
  const cron = required(body, 'cron_expression', 'cron expression required');
  const query = required(body, 'task_query', 'task query required');
  const echo: ScheduleEcho = {
    task_query: query,
    task_context: isJsonObject(body['task_context']) ? body['task_context'] : {},
    max_budget_per_run_usd: numberIn(body, 'max_budget_per_run_usd') ?? 0,
    timeout_seconds: numberIn(body, 'timeout_seconds') ?? DEFAULT_TIMEOUT_SECONDS,
  };
  const timezone = text(body, 'timezone') || 'UTC';
  checkTimes(cron, timezone);
  checkBudget(echo);
  return {
    name,
    description: text(body, 'description'),
    cron,
    timezone,
    // Temporal catches up after an outage; once is what it comes to for a schedule of an hour or more.
    missed: 'once',
    run: runOf(echo),
    metadata: {},
    face: { shannon: { ...echo } },
  };
}

/** The parts of a schedule that the body changes, with what depends on them. */
export function decodeScheduleChange(body: JsonObject, view: ScheduleView): Partial<ScheduleFields> {
  const before = echoOfSchedule(view);
  const context = body['clear_task_context'] === true ? {} : body['task_context'];
  const echo: ScheduleEcho = {
    task_query: text(body, 'task_query') || before.task_query,
    task_context: isJsonObject(context) ? context : before.task_context,
    max_budget_per_run_usd: numberIn(body, 'max_budget_per_run_usd') ?? before.max_budget_per_run_usd,
    timeout_seconds: numberIn(body, 'timeout_seconds') ?? before.timeout_seconds,
  };
  const cron = text(body, 'cron_expression') || view.schedule.cron;
  const timezone = text(body, 'timezone') || view.schedule.timezone;
  checkTimes(cron, timezone);
  checkBudget(echo);
  const name = text(body, 'name');
  return {
    ...(name === '' ? {} : { name }),
    ...(typeof body['description'] === 'string' ? { description: body['description'] } : {}),
    cron,
    timezone,
    run: { ...view.run, ...runOf(echo) },
    face: { shannon: { ...echo } },
  };
}

function runOf(echo: ScheduleEcho): ScheduledRun {
  const { task_query, task_context, max_budget_per_run_usd, timeout_seconds } = echo;
  return {
    input: task_query,
    kind: 'agent',
    limits: {
      ...(max_budget_per_run_usd > 0 ? { maxCostUsd: max_budget_per_run_usd } : {}),
      ...(timeout_seconds > 0 ? { maxActiveSeconds: Math.ceil(timeout_seconds) } : {}),
    },
    face: {
      shannon: { query: task_query, sessionId: '', mode: null, context: task_context, isReviewed: false },
    },
  };
}

function required(body: JsonObject, name: string, message: string): string {
  const value = text(body, name);
  if (value === '') throw badRequest(message);
  return value;
}

function text(body: JsonObject, name: string): string {
  const value = body[name];
  return typeof value === 'string' ? value.trim() : '';
}

function numberIn(body: JsonObject, name: string): number | null {
  const value = body[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number' || value < 0)
    throw badRequest(`Invalid request body: ${name} must be a number`);
  return value;
}

function checkBudget({ max_budget_per_run_usd: budget }: ScheduleEcho): void {
  if (budget > MAX_BUDGET_USD) throw badRequest(`budget exceeds limit: $${budget} > $${MAX_BUDGET_USD}`);
}

function checkTimes(cron: string, timezone: string): void {
  try {
    checkSchedule(cron, timezone);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const [fault] = error.details.errors ?? [];
    const what = fault?.path === 'timezone' ? 'invalid timezone' : 'invalid cron expression';
    throw badRequest(`${what}: ${fault?.message ?? error.message}`);
  }
  const gapMs = shortestGapMs(cron, timezone, GAPS_SINCE);
  if (gapMs !== null && gapMs < MIN_GAP_MINUTES * 60_000) {
    throw badRequest(`cron interval too short: must be at least ${MIN_GAP_MINUTES} minutes`);
  }
  if (nextFireAt(cron, timezone, GAPS_SINCE) === null) {
    throw badRequest('invalid cron expression: it names no time');
  }
}

function echoOfSchedule({ face, run }: ScheduleView): ScheduleEcho {
  const kept = face !== null && isJsonObject(face['shannon']) ? face['shannon'] : {};
  const { task_query, task_context, max_budget_per_run_usd: budget, timeout_seconds: timeout } = kept;
  return {
    task_query: typeof task_query === 'string' ? task_query : inputText(run.input),
    task_context: isJsonObject(task_context) ? task_context : {},
    max_budget_per_run_usd: typeof budget === 'number' ? budget : (run.limits?.maxCostUsd ?? 0),
    timeout_seconds: typeof timeout === 'number' ? timeout : (run.limits?.maxActiveSeconds ?? 0),
  };
}

function inputText(input: Json | undefined): string {
  return typeof input === 'string' ? input : JSON.stringify(input ?? '');
}

/** A schedule; zero values are left out, as in the JSON of a protobuf struct. */
export function scheduleJson(view: ScheduleView): JsonObject {
  const { schedule } = view;
  const echo = echoOfSchedule(view);
  const members: JsonObject = {
    schedule_id: scheduleUuid(schedule.id),
    name: schedule.name,
    description: schedule.description,
    cron_expression: schedule.cron,
    timezone: schedule.timezone,
    ...echo,
    status: schedule.status === 'paused' ? 'PAUSED' : 'ACTIVE',
    created_at: schedule.createdAt,
    updated_at: schedule.updatedAt,
    last_run_at: schedule.lastFireAt,
    next_run_at: schedule.nextFireAt,
    total_runs: schedule.fires.total,
    successful_runs: schedule.fires.succeeded,
    failed_runs: schedule.fires.failed,
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => !isZero(value)));
}

function isZero(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === '' || value === 0) return true;
  return isJsonObject(value) && Object.keys(value).length === 0;
}

/** One firing of a schedule. */
export function scheduleRunJson(fire: { fireAt: string; error: string | null }, run: Run | null): JsonObject {
  if (run === null) {
    return {
      workflow_id: '',
      query: '',
      status: fire.error === null ? 'QUEUED' : 'FAILED',
      ...(fire.error === null ? {} : { error_message: fire.error }),
      total_tokens: 0,
      total_cost_usd: 0,
      triggered_at: fire.fireAt,
    };
  }
  const result = resultText(run.output);
  const used = Object.keys(run.usage.byModel)[0];
  return {
    workflow_id: taskIdOf(run),
    query: echoOf(run).query,
    status: plainStatus(run),
    ...(result === '' ? {} : { result }),
    ...(run.error === null ? {} : { error_message: run.error.message }),
    ...(used === undefined
      ? {}
      : { model_used: modelParts(used).model, provider: modelParts(used).provider }),
    total_tokens: totalTokens(run),
    total_cost_usd: run.usage.costUsd ?? 0,
    ...(run.finishedAt === null
      ? {}
      : { duration_ms: Date.parse(run.finishedAt) - Date.parse(run.startedAt ?? run.createdAt) }),
    triggered_at: fire.fireAt,
    ...(run.startedAt === null ? {} : { started_at: run.startedAt }),
    ...(run.finishedAt === null ? {} : { completed_at: run.finishedAt }),
  };
}

/** Page and size; what is out of range falls back to the default, silently. */
export function readPage(query: URLSearchParams, fallback: number): { page: number; size: number } {
  const page = Number(query.get('page'));
  const size = Number(query.get('page_size'));
  return {
    page: Number.isInteger(page) && page >= 1 && page <= 1_000_000 ? page : 1,
    size: Number.isInteger(size) && size >= 1 && size <= 100 ? size : fallback,
  };
}
