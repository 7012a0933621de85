import {
  isJsonObject,
  type EventData,
  type EventType,
  type Json,
  type Run,
  type RunEvent,
} from '@fermata/protocol';
import type { z } from 'zod';
import type { Caller, PageQuery } from '../../engine/caller.ts';
import type { Engine, RunQuery } from '../../engine/facade.ts';
import { stopReasonOf } from './ends.ts';
import { executionIdOf } from './ids.ts';
import { stopReasonOf as stopReasonOfTurn } from './turn-frames.ts';
import type { executionReplySchema, executionsReplySchema, paginationSchema } from './wire-executions.ts';

export type Execution = z.output<typeof executionsReplySchema>['data'][number];
export type ExecutionDetail = z.output<typeof executionReplySchema>;
export type Pagination = z.output<typeof paginationSchema>;

const MOST = 100;
const DEFAULT = 20;

export interface PageAsked {
  limit?: string | undefined;
  cursor?: string | undefined;
  includeCount?: string | undefined;
}

export function pageOf({ limit, cursor, includeCount }: PageAsked): PageQuery & { limit: number } {
  return {
    limit: Math.min(Math.max(Number(limit ?? DEFAULT), 1), MOST),
    cursor,
    total: includeCount === 'true' || includeCount === '1',
  };
}

export function paginationOf(
  asked: PageQuery & { limit: number },
  page: { nextCursor: string | null; total?: number },
): Pagination {
  return {
    nextCursor: page.nextCursor,
    prevCursor: null,
    hasMore: page.nextCursor !== null,
    hasPrev: asked.cursor !== undefined,
    limit: asked.limit,
    currentOffset: 0,
    ...(page.total === undefined ? {} : { totalCount: page.total }),
  };
}

/** Runs that have failed like this are complete on this wire: a limit has ended them. Source: wire section 12. */
const STOPPED = ['max_turns', 'budget_exhausted', 'timed_out'];

/** Null: no execution can have this status. */
export function statusFilter(status: string | undefined): RunQuery | null {
  switch (status) {
    case undefined:
    case '':
      return {};
    case 'running':
      return { status: ['queued', 'running'] };
    case 'paused':
      return { status: ['pausing', 'paused', 'waiting'] };
    case 'completed':
      return { status: ['succeeded', 'failed'], errorCodeOrNone: STOPPED };
    case 'failed':
      return { status: ['failed'], notErrorCode: STOPPED };
    case 'cancelled':
      return { status: ['cancelled'] };
    default:
      return null;
  }
}

export function statusOf({ status, error }: Run): string {
  switch (status) {
    case 'queued':
    case 'running':
      return 'running';
    case 'pausing':
    case 'paused':
    case 'waiting':
      return 'paused';
    case 'succeeded':
      return 'completed';
    case 'failed':
      return STOPPED.includes(error?.code ?? '') ? 'completed' : 'failed';
    case 'cancelled':
      return 'cancelled';
  }
}

export function executionOf(run: Run): Execution {
  const { usage, agent, flow } = run;
  const id = executionIdOf(run);
  return {
    id,
    executionId: id,
    agentId: agent?.id ?? flow?.id ?? null,
    agentSource: agent === null ? null : agent.id === null ? 'inline' : 'saved',
    parentExecutionId: run.parentId === null ? null : executionIdOf({ id: run.parentId }),
    surfaceType: run.origin,
    status: statusOf(run),
    stopReason: stopReasonOfRun(run),
    iterations: usage.turns,
    totalCost: usage.costUsd === null ? null : String(usage.costUsd),
    totalTokens: { input: usage.inputTokens, output: usage.outputTokens },
    startedAt: run.startedAt,
    completedAt: run.finishedAt,
    createdAt: run.createdAt,
  };
}

function stopReasonOfRun({ status, error }: Run): string | null {
  if (status === 'succeeded') return 'complete';
  if (status === 'failed') return stopReasonOf(error?.code ?? '') ?? 'error';
  return status === 'cancelled' ? 'error' : null;
}

export async function executionDetailOf(engine: Engine, caller: Caller, run: Run): Promise<ExecutionDetail> {
  const turns = await eventsOf(engine, caller, run.id, ['message.completed']);
  const { maxTurns, maxCostUsd } = run.limits;
  return {
    ...executionOf(run),
    inputMessages: inputMessagesOf(run.input),
    finalOutput: run.output,
    iterationDetails: turns.flatMap((event) =>
      event.type === 'message.completed' ? [iterationOf(event.data, event.at)] : [],
    ),
    loopConfig: {
      ...(typeof maxTurns === 'number' ? { maxTurns } : {}),
      ...(typeof maxCostUsd === 'number' ? { maxCost: maxCostUsd } : {}),
    },
  };
}

function iterationOf(
  data: EventData<'message.completed'>,
  at: string,
): ExecutionDetail['iterationDetails'][number] {
  const { turn, model, parts, toolCalls, finishReason, usage } = data;
  return {
    iteration: turn,
    model,
    content: parts.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    toolCallsMade: toolCalls.length,
    stopReason: stopReasonOfTurn(finishReason),
    tokens: { input: usage.inputTokens, output: usage.outputTokens },
    cost: usage.costUsd,
    completedAt: at,
  };
}

function inputMessagesOf(input: Json | null): Json {
  if (typeof input === 'string') return [{ role: 'user', content: input }];
  if (isJsonObject(input) && Array.isArray(input['messages'])) return input['messages'];
  return input;
}

/** Every event of these types, in order. */
export async function eventsOf(
  engine: Engine,
  caller: Caller,
  runId: string,
  types: EventType[],
): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for (let after = 0; ;) {
    const page = await engine.events.list(caller, runId, { after, types, limit: 1000 });
    events.push(...page.data);
    after = page.data.at(-1)?.seq ?? after;
    if (page.nextCursor === null || page.data.length === 0) return events;
  }
}
