import {
  inputMessages,
  type EventOf,
  type Json,
  type RunEvent,
  type TranscriptCall,
  type TranscriptMessage,
} from '@fermata/protocol';
import { applyToFlow, reopenFlow, transcriptCall, type FoldedFlow } from './fold-flow.ts';
import { knownEvent } from './known-event.ts';

/** Raised whenever the same log would give another transcript: snapshots of other versions are ignored. */
export const FOLD_VERSION = 1;

/**
 * The conversation of a run, as far as it was folded. Messages stand in the order in which a model is to read them,
 * which is that of their seqs but for two: texts taken over from the session stand before the run's own input, and a
 * message that came while the model was answering stands after that answer, which did not know it.
 */
export interface Transcript {
  messages: TranscriptMessage[];
  /** Last event that was applied; 0 before the first. */
  seq: number;
  /** Last seq that the prompt of the latest turn contains. */
  through: number;
  /** How many messages at the beginning come from the session. */
  history: number;
  calls: Map<string, TranscriptCall>;
  /** Null for a run of an agent. */
  flow: FoldedFlow | null;
}

export function createTranscript(): Transcript {
  return { messages: [], seq: 0, through: Number.MAX_SAFE_INTEGER, history: 0, calls: new Map(), flow: null };
}

/** Folds a log, or a part of one onto what came before it. */
export function foldTranscript(
  events: Iterable<RunEvent>,
  onto: Transcript = createTranscript(),
): Transcript {
  for (const event of events) applyToTranscript(onto, event);
  return onto;
}

/**
 * One event onto the transcript, in place. An event that was applied before changes nothing.
 * @throws UnknownEvent
 */
export function applyToTranscript(transcript: Transcript, stored: RunEvent): void {
  const event = knownEvent(stored);
  if (event.seq <= transcript.seq) return;
  transcript.seq = event.seq;
  switch (event.type) {
    case 'run.created':
      if (event.data.flow !== null) transcript.flow = { createdAt: event.at, steps: [] };
      for (const message of inputMessages(event.data.input ?? undefined)) {
        transcript.messages.push({
          ...message,
          id: null,
          seq: event.seq,
          at: event.at,
          by: event.data.by,
          turn: null,
          calls: [],
        });
      }
      return;
    case 'message.received':
      receive(transcript, event);
      return;
    case 'turn.started':
      transcript.through = event.data.through;
      return;
    case 'message.completed':
      complete(transcript, event);
      return;
    case 'tool.started':
      change(transcript, event.data.callId, { state: 'running', attempt: event.data.attempt });
      return;
    case 'tool.completed':
      if (event.data.late === true) return;
      change(transcript, event.data.callId, { state: 'completed', output: event.data.output, error: null });
      return;
    case 'tool.failed':
      if (event.data.late === true) return;
      change(transcript, event.data.callId, { state: 'failed', output: null, error: event.data.error });
      return;
    case 'tool.denied': {
      const { callId, outcome, reason } = event.data;
      change(transcript, callId, {
        state: 'denied',
        output: null,
        error: { code: outcome, message: reason ?? outcome },
      });
      return;
    }
    case 'wait.opened':
      if (event.data.callId !== null) change(transcript, event.data.callId, { state: 'waiting' });
      return;
    case 'wait.resolved':
      resolve(transcript, event);
      return;
    case 'segment.lost':
    case 'segment.returned':
      for (const call of transcript.calls.values()) if (call.state === 'running') call.state = 'in_doubt';
      return;
    case 'step.started':
    case 'step.completed':
    case 'step.skipped':
    case 'step.failed':
      if (transcript.flow !== null)
        applyToFlow(transcript.flow, event, { calls: transcript.calls, read: readSeq(transcript) });
      return;
    case 'run.reopened':
      if (transcript.flow !== null) reopenFlow(transcript.flow);
      return;
    // A wait that ended without an answer, and a run that goes on, give each call its result by an event of its own.
    case 'wait.expired':
    case 'wait.superseded':
    case 'wait.cancelled':
    case 'run.started':
    case 'run.pausing':
    case 'run.paused':
    case 'run.resumed':
    case 'run.waiting':
    case 'run.succeeded':
    case 'run.failed':
    case 'run.cancelled':
    case 'run.updated':
    case 'hold.placed':
    case 'hold.released':
    case 'message.delta':
    case 'turn.completed':
    case 'turn.failed':
    case 'tool.output':
    case 'wait.answered_early':
    case 'wait.assigned':
    case 'wait.snoozed':
    case 'wait.escalated':
    case 'tree.paused':
    case 'child.started':
    case 'child.changed':
    case 'child.finished':
    case 'plan.created':
    case 'plan.steps_added':
    case 'plan.step_updated':
    case 'note.logged':
    case 'usage.recorded':
      return;
  }
}

/** The last event that a model has read: what a run begins with is read by nobody twice. */
function readSeq({ through, history }: Transcript): number {
  return through === Number.MAX_SAFE_INTEGER ? 1 + history : through;
}

function receive(transcript: Transcript, event: EventOf<'message.received'>): void {
  const { messageId, role, parts, by, history } = event.data;
  const message = { id: messageId, seq: event.seq, at: event.at, role, by, turn: null, parts, calls: [] };
  if (history === true) transcript.messages.splice(transcript.history++, 0, message);
  else transcript.messages.push(message);
}

function complete(transcript: Transcript, event: EventOf<'message.completed'>): void {
  const { turn, parts, toolCalls } = event.data;
  const calls = toolCalls.map(transcriptCall);
  for (const call of calls) transcript.calls.set(call.callId, call);
  const { messages, through } = transcript;
  let place = messages.length;
  while (place > 0 && (messages[place - 1]?.seq ?? 0) > through) place--;
  messages.splice(place, 0, {
    id: null,
    seq: event.seq,
    at: event.at,
    role: 'assistant',
    by: null,
    turn,
    parts,
    calls,
  });
}

function resolve(transcript: Transcript, event: EventOf<'wait.resolved'>): void {
  const { callId, resolution } = event.data;
  if (callId === null) return;
  // A call that was asked for again was shown with the arguments that an approver had put in place before.
  const editedArgs = resolution.editedArgs ?? transcript.calls.get(callId)?.editedArgs ?? null;
  change(transcript, callId, {
    state: 'ready',
    ...(resolution.outcome === 'approve' ? { approved: true, editedArgs } : {}),
  });
}

function change(transcript: Transcript, callId: string, changes: Partial<TranscriptCall>): void {
  const call = transcript.calls.get(callId);
  if (call !== undefined) Object.assign(call, changes);
}

/** What a snapshot keeps; `seq` and the fold version stand beside it. */
export function transcriptToJson(transcript: Transcript): Json {
  const { messages, through, history, flow } = transcript;
  // A message has nothing but JSON in it, and so has a step.
  const steps = flow === null ? {} : { flow: flow as unknown as Json };
  return { messages: messages as unknown as Json, through, history, ...steps };
}

/** The inverse of `transcriptToJson`, for data of this fold version only. */
export function transcriptFromJson(seq: number, data: Json): Transcript {
  const kept = structuredClone(data) as unknown as Pick<Transcript, 'messages' | 'through' | 'history'> &
    Partial<Pick<Transcript, 'flow'>>;
  const { flow = null } = kept;
  const ofSteps = (flow?.steps ?? []).flatMap(({ call }) => (call === null ? [] : [call]));
  const calls = [...kept.messages.flatMap((message) => message.calls), ...ofSteps];
  return { ...kept, flow, seq, calls: new Map(calls.map((call) => [call.callId, call])) };
}

/**
 * A page of the conversation, in its order: what stands behind the message of seq `after` and in front of the one of
 * seq `before`. With no such message, by seq.
 */
export function transcriptPage(
  messages: readonly TranscriptMessage[],
  query: { after?: number | undefined; before?: number | undefined; limit: number },
): { data: TranscriptMessage[]; nextAfter: number | null } {
  const { after, before, limit } = query;
  const start = after === undefined ? 0 : startAfter(messages, after);
  const end = before === undefined ? messages.length : endBefore(messages, before);
  const data = messages.slice(start, Math.max(start, end));
  // Messages of one event stay on one page, since a page is continued by seq.
  let count = Math.min(limit, data.length);
  while (count > 0 && count < data.length && data[count]?.seq === data[count - 1]?.seq) count++;
  const last = count < data.length ? data[count - 1] : undefined;
  return { data: data.slice(0, count), nextAfter: last?.seq ?? null };
}

function startAfter(messages: readonly TranscriptMessage[], after: number): number {
  const exact = messages.findLastIndex((message) => message.seq === after);
  return (exact >= 0 ? exact : messages.findLastIndex((message) => message.seq <= after)) + 1;
}

function endBefore(messages: readonly TranscriptMessage[], before: number): number {
  const exact = messages.findIndex((message) => message.seq === before);
  if (exact >= 0) return exact;
  const later = messages.findIndex((message) => message.seq > before);
  return later >= 0 ? later : messages.length;
}
