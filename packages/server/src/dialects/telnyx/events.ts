import {
  isJsonObject,
  textOf,
  type EventOf,
  type Json,
  type JsonObject,
  type RunEvent,
  type RunMode,
} from '@fermata/protocol';
import type { EventSelector } from '../../engine/facade.ts';
import { wireTime } from './encode.ts';
import { EVENT_TYPES, type EventData, type WireEventType } from './wire.ts';

/** Longest summary made of a text, characters. */
const SUMMARY_LENGTH = 200;

const STEP_EVENTS = {
  in_progress: 'step_started',
  completed: 'step_completed',
  failed: 'step_failed',
  skipped: 'custom',
} as const satisfies Record<string, WireEventType>;

function noteOf(type: WireEventType): EventSelector {
  const path = ['noteType'];
  // A note of another type is a custom one.
  return type === 'custom'
    ? {
        types: ['note.logged'],
        where: { path, is: false, values: EVENT_TYPES.filter((one) => one !== type) },
      }
    : { types: ['note.logged'], where: { path, is: true, values: [type] } };
}

function stepOf(...statuses: (keyof typeof STEP_EVENTS)[]): EventSelector {
  const where = { path: ['patch', 'status'], is: true, values: statuses };
  return { types: ['plan.step_updated'], mode: 'managed', where };
}

/**
 * Which events of the log each type is made of: at most one of an event, so that its id is that of the event. Of an
 * external run they are what its client logged, and no more; of a managed one also what the server did.
 */
const SELECTORS: Readonly<Record<WireEventType, readonly EventSelector[]>> = {
  status_change: [
    noteOf('status_change'),
    {
      types: [
        'run.started',
        'run.paused',
        'run.resumed',
        'run.reopened',
        'run.succeeded',
        'run.failed',
        'run.cancelled',
      ],
      mode: 'managed',
    },
  ],
  step_started: [noteOf('step_started'), stepOf('in_progress')],
  step_completed: [noteOf('step_completed'), stepOf('completed')],
  step_failed: [noteOf('step_failed'), stepOf('failed')],
  tool_call: [noteOf('tool_call'), { types: ['tool.started'], mode: 'managed' }],
  tool_result: [
    noteOf('tool_result'),
    { types: ['tool.completed', 'tool.failed', 'tool.denied'], mode: 'managed' },
  ],
  message: [noteOf('message'), { types: ['message.received', 'message.completed'], mode: 'managed' }],
  error: [noteOf('error'), { types: ['turn.failed'], mode: 'managed' }],
  custom: [noteOf('custom'), { types: ['wait.opened'], mode: 'managed' }, stepOf('skipped')],
};

/** What to ask the log for; nothing for a type that there is not. */
export function selectorsOf(type: string | undefined): readonly EventSelector[] {
  if (type === undefined) return Object.values(SELECTORS).flat();
  return isEventType(type) ? SELECTORS[type] : [];
}

function isEventType(type: string): type is WireEventType {
  return EVENT_TYPES.some((known) => known === type);
}

/** `evt_<run hex>_<seq>`: computed, so that it is the same at every process and after every restart. */
export function eventId({ runId, seq }: Pick<RunEvent, 'runId' | 'seq'>): string {
  return `evt_${runId.replaceAll('-', '')}_${seq}`;
}

/** The seq that an event id of this run names, or null. */
export function seqOf(runId: string, id: string): number | null {
  const [, hex, seq] = /^evt_([0-9a-f]{32})_([1-9]\d{0,9})$/.exec(id) ?? [];
  return hex === runId.replaceAll('-', '').toLowerCase() && seq !== undefined ? Number(seq) : null;
}

/** An event of the log on the wire; null for one that this face does not show. */
export function eventData(event: RunEvent, mode: RunMode): EventData | null {
  if (event.type === 'note.logged') return noteData(event);
  const shown = mode === 'managed' ? shownOf(event) : null;
  if (shown === null) return null;
  return {
    event_id: eventId(event),
    run_id: event.runId,
    type: shown.type,
    summary: shown.summary,
    timestamp: wireTime(event.at),
    step_id: shown.stepId ?? null,
    agent_id: null,
    idempotency_key: null,
    payload: shown.payload,
  };
}

function noteData(event: EventOf<'note.logged'>): EventData {
  const { noteType, summary, data, key, stepId, agentId } = event.data;
  const isOurs = isEventType(noteType);
  return {
    event_id: eventId(event),
    run_id: event.runId,
    type: isOurs ? noteType : 'custom',
    summary: summary ?? noteType,
    timestamp: wireTime(event.at),
    step_id: stepId ?? null,
    agent_id: agentId ?? null,
    idempotency_key: key,
    payload: isOurs ? objectOf(data) : { note_type: noteType, data },
  };
}

function objectOf(data: Json | null): JsonObject | null {
  return data === null || isJsonObject(data) ? data : { data };
}

interface Shown {
  type: WireEventType;
  summary: string;
  stepId?: string;
  payload: JsonObject | null;
}

function shownOf(event: RunEvent): Shown | null {
  switch (event.type) {
    case 'run.started':
    case 'run.reopened':
      return statusChange('running', event.type === 'run.reopened' ? event.data.reason : null);
    case 'run.paused':
      return statusChange('paused', null, { holds: event.data.holds });
    case 'run.resumed':
      return statusChange('running', event.data.reason);
    case 'run.succeeded':
      return statusChange('succeeded', null);
    case 'run.failed':
      return statusChange('failed', event.data.error.message, { code: event.data.error.code });
    case 'run.cancelled':
      return statusChange('cancelled', event.data.reason);
    case 'message.received': {
      const text = textOf(event.data.parts);
      return { type: 'message', summary: brief(text, 'a message'), payload: { role: event.data.role, text } };
    }
    case 'message.completed': {
      const { turn, parts, toolCalls } = event.data;
      const text = textOf(parts);
      const calls = toolCalls.map(({ callId, tool, args }): JsonObject => ({ call_id: callId, tool, args }));
      const asks = `asks for ${toolCalls.map((call) => call.tool).join(', ')}`;
      return {
        type: 'message',
        summary: brief(text, calls.length === 0 ? 'an empty answer' : asks),
        payload: { role: 'assistant', text, turn, tool_calls: calls },
      };
    }
    case 'turn.failed': {
      const { turn, attempt, error, retryAfterMs } = event.data;
      const { code, message } = error;
      return {
        type: 'error',
        summary: brief(message, code),
        payload: { code, message, turn, attempt, retry_after_ms: retryAfterMs },
      };
    }
    case 'tool.started': {
      const { callId, tool, turn, attempt } = event.data;
      return {
        type: 'tool_call',
        summary: `calls ${tool}`,
        payload: { call_id: callId, tool, turn, attempt },
      };
    }
    case 'tool.completed':
    case 'tool.failed':
    case 'tool.denied':
      return toolResult(event);
    case 'wait.opened': {
      const { id, kind, prompt, callId, tool } = event.data;
      return {
        type: 'custom',
        summary: brief(prompt, kind),
        payload: { wait_id: id, kind, prompt, call_id: callId, tool },
      };
    }
    case 'plan.step_updated':
      return stepChange(event);
    default:
      return null;
  }
}

function statusChange(status: string, reason: string | null, more: JsonObject = {}): Shown {
  const summary = reason === null ? status : brief(`${status}: ${reason}`, status);
  return { type: 'status_change', summary, payload: { status, reason, ...more } };
}

function toolResult(event: EventOf<'tool.completed' | 'tool.failed' | 'tool.denied'>): Shown {
  const { callId, tool } = event.data;
  const of = { call_id: callId, tool };
  switch (event.type) {
    case 'tool.completed':
      return {
        type: 'tool_result',
        summary: `${tool} is done`,
        payload: { ...of, output: event.data.output },
      };
    case 'tool.failed': {
      const { code, message } = event.data.error;
      return {
        type: 'tool_result',
        summary: brief(`${tool} failed: ${message}`, tool),
        payload: { ...of, error: { code, message } },
      };
    }
    case 'tool.denied': {
      const { outcome, reason } = event.data;
      return {
        type: 'tool_result',
        summary: `${tool} was not executed: ${outcome}`,
        payload: { ...of, error: { code: outcome, message: reason ?? outcome } },
      };
    }
  }
}

function stepChange({ data }: EventOf<'plan.step_updated'>): Shown | null {
  const { stepId, patch } = data;
  const status = patch['status'];
  if (typeof status !== 'string' || !Object.hasOwn(STEP_EVENTS, status)) return null;
  const type = STEP_EVENTS[status as keyof typeof STEP_EVENTS];
  return { type, summary: `step ${stepId}: ${status}`, stepId, payload: { step_id: stepId, status } };
}

function brief(text: string, otherwise: string): string {
  const line = text.trim().replace(/\s+/g, ' ');
  return line === '' ? otherwise : line.slice(0, SUMMARY_LENGTH).toWellFormed();
}
