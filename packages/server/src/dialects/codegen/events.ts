import {
  inputMessages,
  isJsonObject,
  textOf,
  type EventType,
  type Json,
  type JsonObject,
  type Part,
  type RunEvent,
  type ToolCall,
} from '@fermata/protocol';
import type { Caller } from '../../engine/caller.ts';
import type { Engine } from '../../engine/facade.ts';
import { resultText } from './encode.ts';
import type { LogEntry } from './wire.ts';

/** The events that make an entry each; so pages and totals are those of the events. */
export const LOGGED_EVENTS = [
  'run.created',
  'message.received',
  'message.completed',
  'tool.completed',
  'tool.failed',
  'tool.denied',
  'turn.failed',
  'wait.opened',
  'note.logged',
  'child.started',
  'run.succeeded',
  'run.failed',
  'run.cancelled',
] as const satisfies EventType[];

/** What was asked of a tool, by call id. */
export type CallArguments = ReadonlyMap<string, Json>;

type Content = Partial<Omit<LogEntry, 'agent_run_id' | 'created_at' | 'message_type'>> &
  Pick<LogEntry, 'message_type'>;

/** An event as an entry of the log; null for one that makes none. */
export function encodeLogEntry(event: RunEvent, runNumber: number, calls: CallArguments): LogEntry | null {
  const content = contentOf(event, calls);
  if (content === null) return null;
  return {
    agent_run_id: runNumber,
    created_at: event.at,
    tool_name: null,
    thought: null,
    observation: null,
    tool_input: null,
    tool_output: null,
    ...content,
  };
}

function contentOf(event: RunEvent, calls: CallArguments): Content | null {
  switch (event.type) {
    case 'run.created':
      return userMessage(inputMessages(event.data.input ?? undefined).flatMap((message) => message.parts));
    case 'message.received':
      return userMessage(event.data.parts);
    case 'message.completed':
      return { message_type: 'PLAN_EVALUATION', thought: thoughtOf(event.data) };
    case 'tool.completed': {
      const { tool, callId, output } = event.data;
      return action(tool, calls.get(callId), asObject(output, 'output'), resultText(output));
    }
    case 'tool.failed': {
      const { tool, callId, error } = event.data;
      return action(tool, calls.get(callId), { error: { ...error } }, error.message);
    }
    case 'tool.denied': {
      const { tool, callId, reason, outcome } = event.data;
      const observation = reason === null || reason === '' ? outcome : reason;
      return action(tool, calls.get(callId), { outcome, reason }, observation);
    }
    case 'turn.failed':
      return { message_type: 'ERROR', observation: event.data.error.message };
    case 'wait.opened': {
      const { tool, prompt, kind, args } = event.data;
      return {
        message_type: 'PLAN_EVALUATION',
        thought: prompt === null || prompt === '' ? `Waits: ${kind}` : prompt,
        tool_name: tool,
        tool_input: args === null ? null : asObject(args, 'value'),
        observation: { wait_id: event.data.id, kind },
      };
    }
    case 'note.logged': {
      const { noteType, summary, data } = event.data;
      return {
        message_type: 'PLAN_EVALUATION',
        thought: summary === null || summary === '' ? noteType : summary,
        observation: data === null ? null : typeof data === 'string' ? data : asObject(data, 'data'),
      };
    }
    case 'child.started':
      return { message_type: 'AGENT_RUN_LINK', observation: { run_id: event.data.childRunId } };
    case 'run.succeeded':
      return { message_type: 'FINAL_ANSWER', observation: resultText(event.data.output) ?? '' };
    case 'run.failed':
      return { message_type: 'ERROR', observation: event.data.error.message };
    case 'run.cancelled': {
      const { reason } = event.data;
      return {
        message_type: 'ERROR',
        observation: reason === null ? 'The run was cancelled.' : `The run was cancelled: ${reason}`,
      };
    }
    default:
      return null;
  }
}

function userMessage(parts: readonly Part[]): Content {
  const images = parts.flatMap((part) =>
    part.type === 'image' || part.type === 'file'
      ? [{ url: part.url, media_type: part.mediaType ?? null }]
      : [],
  );
  const prompt = textOf(parts);
  return {
    message_type: 'USER_MESSAGE',
    tool_name: 'user_input',
    observation: prompt,
    tool_input: { prompt, images },
    tool_output: {},
  };
}

/** There is always a thought: what was said, else what was reasoned, else what is asked for. */
function thoughtOf({ parts, toolCalls }: { parts: Part[]; toolCalls: ToolCall[] }): string {
  const said = textOf(parts);
  if (said !== '') return said;
  const reasoned = parts.flatMap((part) => (part.type === 'reasoning' ? [part.text] : [])).join('');
  if (reasoned !== '') return reasoned;
  return toolCalls.length === 0 ? '' : `Calls ${toolCalls.map((call) => call.tool).join(', ')}.`;
}

function action(
  tool: string,
  args: Json | undefined,
  output: JsonObject,
  observation: string | null,
): Content {
  return {
    message_type: 'ACTION',
    tool_name: tool,
    tool_input: args === undefined || args === null ? {} : asObject(args, 'value'),
    tool_output: output,
    observation,
  };
}

/** The wire has objects here: any other value becomes a member of one. */
function asObject(value: Json, member: string): JsonObject {
  return isJsonObject(value) ? value : { [member]: value };
}

/** Every turn asks for one at least, so that many pages hold the calls of a page of results. */
const PAGE = 200;

/** The arguments of the calls whose results are among these events. */
export async function argumentsOf(
  { engine, caller }: { engine: Engine; caller: Caller },
  runId: string,
  events: readonly RunEvent[],
): Promise<CallArguments> {
  const results = events.filter((event) => RESULTS.has(event.type));
  const missing = new Set(results.flatMap((event) => callIdOf(event) ?? []));
  const args = new Map<string, Json>();
  let before = Math.max(0, ...results.map((event) => event.seq));
  while (missing.size > args.size && before > 1) {
    const { data } = await engine.events.list(caller, runId, {
      before,
      order: 'desc',
      types: ['message.completed', 'wait.resolved'],
      limit: PAGE,
    });
    for (const event of data) {
      for (const [callId, value] of callsOf(event)) {
        // The newest first: what an approver has put in place of the arguments comes after them in the log.
        if (missing.has(callId) && !args.has(callId)) args.set(callId, value);
      }
    }
    if (data.length < PAGE) break;
    before = data.at(-1)?.seq ?? 0;
  }
  return args;
}

const RESULTS: ReadonlySet<string> = new Set(['tool.completed', 'tool.failed', 'tool.denied']);

function callIdOf(event: RunEvent): string | null {
  return 'callId' in event.data ? event.data.callId : null;
}

function callsOf(event: RunEvent): [string, Json][] {
  if (event.type === 'message.completed') {
    return event.data.toolCalls.map((call): [string, Json] => [call.callId, call.args]);
  }
  if (event.type !== 'wait.resolved') return [];
  const { callId, resolution } = event.data;
  return callId === null || resolution.editedArgs === null ? [] : [[callId, resolution.editedArgs]];
}
