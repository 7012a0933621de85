import {
  textOf,
  type EventOf,
  type EventType,
  type JsonObject,
  type Run,
  type RunEvent,
} from '@fermata/protocol';
import { echoOf, modelParts, resultText } from './encode.ts';
import { PLAN_TOOL } from './plan-tool.ts';
import { taskIdOf } from './task-id.ts';
import {
  AGENT,
  decision,
  invoked,
  isApproval,
  opened,
  resolved,
  type Draft,
  type Memory,
} from './wait-events.ts';

/** One event as Shannon's streams and lists show it. */
export interface ShannonEvent {
  workflow_id: string;
  type: string;
  agent_id?: string;
  message?: string;
  payload?: JsonObject;
  timestamp: string;
  seq: number;
  stream_id: string;
}

const ORCHESTRATOR = 'orchestrator';
/** The number `seq` of a payload is the log's seq times this, and a counter of the frames of one event. */
export const FRAMES_PER_EVENT = 100;

/**
 * Encodes a run's log from its beginning, event by event. A pure function of the log: every process gives the same
 * frames and ids, so a reader goes on anywhere.
 */
export function createEventEncoder(run: Run): (event: RunEvent) => ShannonEvent[] {
  const workflowId = taskIdOf(run);
  const memory: Memory = {
    context: echoOf(run).context,
    carried: '',
    current: '',
    calls: new Map(),
    plans: 0,
    lastUsage: {},
  };
  return (event) =>
    draftsOf(event, memory).map((draft, index) => ({
      workflow_id: workflowId,
      ...draft,
      timestamp: event.at,
      seq: event.seq * FRAMES_PER_EVENT + index,
      stream_id: `${event.seq}-${index}`,
    }));
}

type Drafts = { [T in EventType]: (event: EventOf<T>, memory: Memory) => Draft[] };

function draftsOf<T extends EventType>(event: EventOf<T>, memory: Memory): Draft[] {
  const encode = DRAFTS[event.type as T];
  // An event of a newer release has no frames here.
  return encode === undefined ? [] : encode(event, memory);
}

const NONE = (): Draft[] => [];

const DRAFTS: Drafts = {
  'run.created': () => [{ type: 'DATA_PROCESSING', agent_id: ORCHESTRATOR, message: 'Gathering context' }],
  'run.started': (_event, { context }) => [started(context)],
  'run.reopened': (_event, { context }) => [started(context)],
  'run.pausing': ({ data }) => [control('WORKFLOW_PAUSING', withReason('Pausing', data.reason))],
  'run.paused': ({ data }) => [control('WORKFLOW_PAUSED', 'Paused', { checkpoint: data.checkpoint.label })],
  'run.resumed': ({ data }) => [
    control('WORKFLOW_RESUMED', data.reason === null ? 'Resuming' : `Resuming: ${data.reason}`),
  ],
  'run.waiting': () => [{ type: 'WAITING', agent_id: ORCHESTRATOR, message: 'Waiting for an answer' }],
  'run.succeeded': ({ data }, { lastUsage }) => [
    { type: 'LLM_OUTPUT', agent_id: 'final_output', message: resultText(data.output), payload: lastUsage },
    { type: 'AGENT_COMPLETED', agent_id: AGENT, message: 'Task done' },
    control('WORKFLOW_COMPLETED', 'All done'),
    end(),
  ],
  'run.failed': ({ data }) => [
    {
      type: 'ERROR_OCCURRED',
      agent_id: ORCHESTRATOR,
      message: data.error.message,
      payload: { code: data.error.code },
    },
    control('WORKFLOW_FAILED', data.error.message, { code: data.error.code }),
    end(),
  ],
  'run.cancelled': ({ data }) => [
    control('WORKFLOW_CANCELLING', withReason('Cancelling', data.reason)),
    control('WORKFLOW_CANCELLED', data.reason === null ? 'Cancelled' : `Cancelled: ${data.reason}`, {
      checkpoint: data.checkpoint?.label ?? '',
      was_paused: data.wasPaused,
    }),
    end(),
  ],
  'run.updated': NONE,
  'hold.placed': ({ data }) =>
    data.hold.name === 'budget'
      ? [
          {
            type: 'BUDGET_THRESHOLD',
            agent_id: ORCHESTRATOR,
            message: data.hold.reason ?? 'The budget is used up',
          },
        ]
      : [],
  'hold.released': NONE,
  'message.received': ({ data }) =>
    data.history === true
      ? []
      : [
          {
            type: 'MESSAGE_RECEIVED',
            agent_id: data.role === 'user' ? 'user' : AGENT,
            message: textOf(data.parts),
          },
        ],
  'message.delta': (event, memory) => partial(event, memory),
  'message.completed': ({ data }, memory) => {
    for (const call of data.toolCalls) {
      memory.calls.set(call.callId, { tool: call.tool, args: call.args, startedAt: null });
    }
    const { inputTokens, outputTokens, costUsd } = data.usage;
    memory.lastUsage = {
      tokens_used: inputTokens + outputTokens,
      model_used: modelParts(data.model).model,
      provider: modelParts(data.model).provider,
      usage: {
        input_tokens: inputTokens,
        output_tokens: outputTokens,
        total_tokens: inputTokens + outputTokens,
        ...(costUsd === null ? {} : { cost_usd: costUsd }),
      },
    };
    const text = textOf(data.parts);
    return text === ''
      ? []
      : [{ type: 'LLM_OUTPUT', agent_id: AGENT, message: text, payload: memory.lastUsage }];
  },
  'turn.started': ({ data }, memory) => {
    if (data.attempt === 1) memory.carried = '';
    memory.current = '';
    const thinking: Draft = { type: 'AGENT_THINKING', agent_id: AGENT, message: 'Thinking' };
    if (data.turn > 1 || data.attempt > 1) return [thinking];
    return [{ type: 'AGENT_STARTED', agent_id: AGENT, message: 'Working on the task' }, thinking];
  },
  'turn.completed': NONE,
  'turn.failed': ({ data }) => [
    {
      type: data.retryAfterMs === null ? 'WARNING' : 'ERROR_RECOVERY',
      agent_id: AGENT,
      message: data.error.message,
      payload: {
        code: data.error.code,
        ...(data.retryAfterMs === null ? {} : { retry_after_ms: data.retryAfterMs }),
      },
    },
  ],
  'step.started': ({ data }) => [progress(`Step ${data.stepId}`)],
  'step.completed': ({ data }) => [progress(`Step ${data.stepId} done`)],
  'step.skipped': ({ data }) => [progress(`Step ${data.stepId} skipped`)],
  'step.failed': ({ data }) => [{ type: 'WARNING', agent_id: AGENT, message: data.error.message }],
  'tool.started': ({ data, at }, memory) => {
    const call = memory.calls.get(data.callId);
    if (call !== undefined) call.startedAt = at;
    return [invoked(data.callId, data.tool, call?.args ?? null)];
  },
  'tool.output': ({ data }) => [progress(data.text)],
  'tool.completed': ({ data, at }, memory) =>
    data.late === true || data.tool === PLAN_TOOL
      ? []
      : [
          {
            type: 'TOOL_OBSERVATION',
            agent_id: AGENT,
            message: resultText(data.output),
            payload: observation(memory, data.callId, data.tool, true, at),
          },
        ],
  'tool.failed': ({ data, at }, memory) =>
    data.late === true
      ? []
      : [
          {
            type: 'TOOL_ERROR',
            agent_id: AGENT,
            message: data.error.message,
            payload: observation(memory, data.callId, data.tool, false, at),
          },
        ],
  'tool.denied': ({ data, at }, memory) =>
    data.tool === PLAN_TOOL
      ? []
      : [
          {
            type: 'TOOL_OBSERVATION',
            agent_id: AGENT,
            message: data.reason ?? data.outcome,
            payload: { ...observation(memory, data.callId, data.tool, false, at), outcome: data.outcome },
          },
        ],
  'wait.opened': ({ data }, memory) => opened(data, memory),
  'wait.resolved': ({ data }, memory) => resolved(data, memory),
  'wait.expired': ({ data }, memory) =>
    isApproval(memory, data) ? [decision(data, false, 'Denied — continuing')] : [],
  'wait.superseded': NONE,
  'wait.cancelled': NONE,
  'wait.answered_early': NONE,
  'wait.assigned': NONE,
  'wait.snoozed': NONE,
  'wait.escalated': ({ data }) => [
    {
      type: 'WAITING',
      agent_id: ORCHESTRATOR,
      message: 'Still waiting for an answer',
      payload: { approval_id: data.waitId },
    },
  ],
  'segment.lost': () => [
    { type: 'ERROR_RECOVERY', agent_id: ORCHESTRATOR, message: 'Taken over by another process' },
  ],
  'segment.returned': NONE,
  'tree.paused': NONE,
  'child.started': ({ data }) => [
    {
      type: 'DELEGATION',
      agent_id: ORCHESTRATOR,
      message: 'Delegated',
      payload: { child_run_id: data.childRunId },
    },
  ],
  'child.changed': NONE,
  'child.finished': ({ data }) => [
    {
      type: 'DEPENDENCY_SATISFIED',
      agent_id: ORCHESTRATOR,
      message: `Delegated task ${data.status}`,
      payload: { child_run_id: data.childRunId },
    },
  ],
  'plan.created': ({ data }) => [tasks(data.steps.length)],
  'plan.steps_added': ({ data }) => [tasks(data.steps.length)],
  'plan.step_updated': ({ data }) => [
    {
      type: 'TASKLIST_UPDATED',
      agent_id: 'planner',
      message: `Step ${data.stepId}`,
      payload: { step_id: data.stepId },
    },
  ],
  'note.logged': ({ data }) => [
    {
      type: 'STATUS_UPDATE',
      agent_id: data.by.name,
      message: data.summary ?? data.noteType,
      payload: { note_type: data.noteType, ...(data.data === null ? {} : { data: data.data }) },
    },
  ],
  'usage.recorded': NONE,
};

function started(context: JsonObject): Draft {
  return {
    type: 'WORKFLOW_STARTED',
    agent_id: ORCHESTRATOR,
    message: 'Starting up',
    payload: { task_context: context },
  };
}

function control(type: string, message: string, payload?: JsonObject): Draft {
  return { type, agent_id: ORCHESTRATOR, message, ...(payload === undefined ? {} : { payload }) };
}

function end(): Draft {
  return { type: 'STREAM_END', agent_id: ORCHESTRATOR, message: 'Done' };
}

function withReason(word: string, reason: string | null): string {
  return reason === null ? `${word}...` : `${word}: ${reason}`;
}

function progress(message: string): Draft {
  return { type: 'PROGRESS', agent_id: AGENT, message };
}

function tasks(count: number): Draft {
  return { type: 'TASKLIST_UPDATED', agent_id: 'planner', message: `${count} steps`, payload: { count } };
}

/**
 * New text of the turn. A later attempt says nothing while it repeats what was sent; then only the rest; where it
 * differs, all of it anew, since nothing on this wire takes text back.
 */
function partial({ data }: EventOf<'message.delta'>, memory: Memory): Draft[] {
  if (data.channel !== 'text') return [];
  memory.current += data.text;
  const delta = newText(memory.carried, memory.current);
  if (!memory.carried.startsWith(memory.current)) memory.carried = memory.current;
  return delta === '' ? [] : [{ type: 'LLM_PARTIAL', agent_id: AGENT, message: delta }];
}

function newText(carried: string, current: string): string {
  if (carried.startsWith(current)) return '';
  return current.startsWith(carried) ? current.slice(carried.length) : current;
}

function observation(memory: Memory, callId: string, tool: string, success: boolean, at: string): JsonObject {
  const startedAt = memory.calls.get(callId)?.startedAt ?? null;
  const durationMs = startedAt === null ? 0 : Date.parse(at) - Date.parse(startedAt);
  return { tool, success, duration_ms: Math.max(0, durationMs), call_id: callId };
}
