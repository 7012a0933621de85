import { isJsonObject, type EventOf, type Json, type JsonObject } from '@fermata/protocol';
import { PLAN_TOOL } from './plan-tool.ts';

export interface Draft {
  type: string;
  agent_id?: string;
  message?: string;
  payload?: JsonObject;
}

/** What later events of the log need to know of earlier ones. */
export interface Memory {
  context: JsonObject;
  /** Text of the turn that its frames have carried. */
  carried: string;
  /** Text of the present attempt. */
  current: string;
  calls: Map<string, { tool: string; args: Json; startedAt: string | null }>;
  plans: number;
  lastUsage: JsonObject;
}

export const AGENT = 'simple-agent';

export function invoked(callId: string, tool: string, args: Json): Draft {
  return {
    type: 'TOOL_INVOKED',
    agent_id: AGENT,
    message: `Calling ${tool}`,
    payload: { tool, params: isJsonObject(args) ? args : {}, call_id: callId },
  };
}

export function opened(data: EventOf<'wait.opened'>['data'], memory: Memory): Draft[] {
  switch (data.kind) {
    case 'approval':
      return [
        {
          type: 'APPROVAL_REQUESTED',
          agent_id: AGENT,
          message: `Needs approval: ${data.prompt}`,
          payload: {
            approval_id: data.id,
            tool: data.tool ?? '',
            args: data.args,
            reason: data.prompt,
            ...(data.digest === null ? {} : { digest: data.digest }),
          },
        },
      ];
    case 'input':
      return data.tool === PLAN_TOOL ? [planOf(data.prompt, memory)] : [asks(data)];
    case 'in_doubt':
      return [{ type: 'WARNING', agent_id: AGENT, message: data.prompt, payload: { wait_id: data.id } }];
    case 'tool_output':
    case 'timer':
    case 'run':
      return data.callId === null ? [] : [invoked(data.callId, data.tool ?? '', data.args)];
  }
}

function asks(data: EventOf<'wait.opened'>['data']): Draft {
  return {
    type: 'WAITING',
    agent_id: AGENT,
    message: data.prompt,
    payload: { wait_id: data.id, ...(data.schema === null ? {} : { schema: data.schema }) },
  };
}

function planOf(plan: string, memory: Memory): Draft {
  memory.plans += 1;
  const payload = { round: memory.plans, version: memory.plans, intent: 'ready' };
  return memory.plans === 1
    ? { type: 'RESEARCH_PLAN_READY', agent_id: 'planner', message: plan, payload }
    : { type: 'RESEARCH_PLAN_UPDATED', agent_id: 'research-planner', message: plan, payload };
}

type Closed = EventOf<'wait.resolved'>['data'];

export function resolved(data: Closed, memory: Memory): Draft[] {
  const { outcome, value } = data.resolution;
  if (outcome === 'approve') return [decision(data, true, 'Approved — continuing')];
  if (outcome === 'deny') return [decision(data, false, 'Denied — continuing')];
  const call = data.callId === null ? undefined : memory.calls.get(data.callId);
  if (outcome !== 'value' || call?.tool !== PLAN_TOOL || !isJsonObject(value)) return [];
  const payload = { round: memory.plans, version: memory.plans };
  if (value['action'] === 'approve') {
    return [{ type: 'RESEARCH_PLAN_APPROVED', agent_id: 'user', message: 'Research plan approved', payload }];
  }
  const message = typeof value['message'] === 'string' ? value['message'] : '';
  return [{ type: 'REVIEW_USER_FEEDBACK', agent_id: 'user', message, payload }];
}

export function decision({ waitId, resolution }: Closed, isApproved: boolean, message: string): Draft {
  return {
    type: 'APPROVAL_DECISION',
    agent_id: 'user',
    message,
    payload: {
      approval_id: waitId,
      approved: isApproved,
      ...(resolution.reason === null ? {} : { feedback: resolution.reason }),
      decided_by: resolution.by.id,
    },
  };
}

/** Only a call that nobody has started can be waiting for its approval. */
export function isApproval(memory: Memory, { callId }: Closed): boolean {
  const call = callId === null ? undefined : memory.calls.get(callId);
  return call !== undefined && call.startedAt === null && call.tool !== PLAN_TOOL;
}
