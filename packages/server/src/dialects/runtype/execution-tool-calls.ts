import type { EventData, Json, Run, RunEvent, RunFlow, Tool, ToolCall } from '@fermata/protocol';
import type { Caller } from '../../engine/caller.ts';
import type { Engine } from '../../engine/facade.ts';
import { eventsOf } from './executions.ts';
import { clientToolsIn, type ClientTools } from './face-data.ts';
import { allSteps } from './memory.ts';

/** A tool call as its log tells of it. */
export interface CallRecord {
  id: string;
  toolName: string;
  toolDescription: string | null;
  model: string | null;
  status: 'pending' | 'running' | 'waiting' | 'completed' | 'failed' | 'denied';
  errorMessage: string | null;
  executionTimeMs: number | null;
  createdAt: string;
  iteration: number | null;
  args: Json;
  result: Json;
}

interface Known extends CallRecord {
  startedAt: string | null;
}

/** Every tool call of a run, in the order in which they were asked for. */
export async function toolCallsOf(engine: Engine, caller: Caller, run: Run): Promise<CallRecord[]> {
  const events = await eventsOf(engine, caller, run.id, [
    'run.created',
    'message.completed',
    'step.started',
    'tool.started',
    'tool.completed',
    'tool.failed',
    'tool.denied',
    'wait.opened',
    'wait.resolved',
  ]);
  return foldCalls(events, clientToolsIn(run.face));
}

/** The calls that these events tell of. */
export function foldCalls(events: readonly RunEvent[], pageTools: ClientTools): CallRecord[] {
  const calls = new Map<string, Known>();
  let tools: readonly Tool[] = [];
  const asked = (call: ToolCall, at: string, model: string | null, iteration: number | null): void => {
    const description = tools.find(({ name }) => name === call.tool)?.description ?? null;
    calls.set(call.callId, {
      id: call.callId,
      toolName: pageTools[call.tool]?.name ?? call.tool,
      toolDescription: description,
      model,
      status: 'pending',
      errorMessage: null,
      executionTimeMs: null,
      createdAt: at,
      iteration,
      args: call.args,
      result: null,
      startedAt: null,
    });
  };
  for (const event of events) {
    const { at, data } = event;
    switch (event.type) {
      case 'run.created':
        tools = toolsIn(event.data);
        break;
      case 'message.completed':
        for (const call of event.data.toolCalls) asked(call, at, event.data.model, event.data.turn);
        break;
      case 'step.started':
        if (event.data.call !== undefined && !calls.has(event.data.call.callId))
          asked(event.data.call, at, null, null);
        break;
      case 'tool.started':
        begin(calls.get(event.data.callId), at, 'running');
        break;
      case 'wait.opened':
        begin(calls.get(event.data.callId ?? ''), at, 'waiting');
        break;
      case 'wait.resolved': {
        const call = calls.get(event.data.callId ?? '');
        const edited = event.data.resolution.editedArgs;
        if (call !== undefined && edited !== undefined && edited !== null) call.args = edited;
        if (call?.status === 'waiting') call.status = 'pending';
        break;
      }
      case 'tool.completed':
        end(calls.get(event.data.callId), at, { status: 'completed', result: event.data.output });
        break;
      case 'tool.failed':
        end(calls.get(event.data.callId), at, { status: 'failed', errorMessage: event.data.error.message });
        break;
      case 'tool.denied':
        end(calls.get(event.data.callId), at, {
          status: 'denied',
          errorMessage: event.data.reason ?? `not executed: ${event.data.outcome}`,
        });
        break;
      default:
        // Only the types above were asked for.
        void data;
    }
  }
  return [...calls.values()].map(({ startedAt: _startedAt, ...call }) => call);
}

/** The tools of the agent, or those that steps of the flow call by themselves. */
function toolsIn({ agent, flow }: EventData<'run.created'>): readonly Tool[] {
  if (flow === null) return agent?.tools ?? [];
  const { steps } = flow as unknown as RunFlow;
  return allSteps(steps).flatMap((step) => (step.type === 'tool' ? [step.tool] : []));
}

function begin(call: Known | undefined, at: string, status: 'running' | 'waiting'): void {
  if (call === undefined) return;
  call.status = status;
  call.startedAt ??= at;
}

/** The first outcome stands; a late one changes nothing. */
function end(call: Known | undefined, at: string, outcome: Partial<CallRecord>): void {
  if (call === undefined || ['completed', 'failed', 'denied'].includes(call.status)) return;
  Object.assign(call, outcome);
  if (call.startedAt !== null) {
    call.executionTimeMs = Math.max(0, Date.parse(at) - Date.parse(call.startedAt));
  }
}
