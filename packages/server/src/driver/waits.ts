import {
  isJsonObject,
  type DeadlineStep,
  type Json,
  type JsonObject,
  type WaitBody,
} from '@fermata/protocol';
import { v7 as uuidv7 } from 'uuid';
import { sleepTarget } from '../agent/tools/builtin-tools.ts';
import type { ResolvedTool } from '../agent/tools/resolved-tool.ts';
import { callDigest } from '../engine/digest.ts';
import { compileSchema } from '../schemas/json-schema.ts';

/** A call as it is to be made: with the approver's arguments where there are some. */
export interface ExactCall {
  callId: string;
  tool: string;
  args: Json;
}

export type WaitDraft = { ok: true; wait: WaitBody } | { ok: false; message: string };

/** Asks whether the exact call may be made; the answer names its digest. */
export function approvalWait(call: ExactCall, tool: ResolvedTool, nowMs: number): WaitBody {
  const { approval } = tool;
  const approvers = typeof approval === 'object' ? (approval.approvers ?? null) : null;
  return {
    ...callWait(call, 'approval', `May the agent call ${call.tool} with these arguments?`),
    ...ladderOf(tool, nowMs),
    approvers,
  };
}

/** The wait that stands for a call which no request of ours carries out: a client tool or a built-in that waits. */
export function waitOfCall(call: ExactCall, tool: ResolvedTool, nowMs: number): WaitDraft {
  if (tool.type !== 'builtin') {
    const prompt = `Carry out ${call.tool} with these arguments and report its output.`;
    return { ok: true, wait: { ...callWait(call, 'tool_output', prompt), ...ladderOf(tool, nowMs) } };
  }
  switch (tool.name) {
    case 'ask_user':
      return inputWait(call, tool, nowMs);
    case 'sleep_until':
      return timerWait(call, nowMs);
    default:
      return { ok: false, message: `${tool.name} is not supported` };
  }
}

/** Waits for a child run, which is still to be named. */
export function childWait(call: ExactCall, tool: ResolvedTool, nowMs: number): WaitBody {
  return { ...callWait(call, 'run', 'Waits for a child run.'), ...ladderOf(tool, nowMs) };
}

function inputWait(call: ExactCall, tool: ResolvedTool, nowMs: number): WaitDraft {
  const args = isJsonObject(call.args) ? call.args : {};
  const question = typeof args['question'] === 'string' ? args['question'] : 'The agent asks for an answer.';
  const schema: JsonObject = isJsonObject(args['schema']) ? args['schema'] : { type: 'string' };
  const compiled = compileSchema(schema);
  if (!compiled.ok)
    return { ok: false, message: `the schema of the answer cannot be used: ${compiled.message}` };
  return { ok: true, wait: { ...callWait(call, 'input', question), ...ladderOf(tool, nowMs), schema } };
}

function timerWait(call: ExactCall, nowMs: number): WaitDraft {
  const target = sleepTarget(call.args, nowMs);
  if (!target.ok) return target;
  const at = new Date(target.atMs);
  if (Number.isNaN(at.getTime())) return { ok: false, message: 'the time is out of range' };
  const deadlineAt = at.toISOString();
  return { ok: true, wait: { ...callWait(call, 'timer', `Goes on at ${deadlineAt}.`), deadlineAt } };
}

/** Asks what became of a call: done (with its result), do it again, or skip it. `why` ends the sentence. */
export function inDoubtWait(call: ExactCall, why: string): WaitBody {
  const prompt =
    `${call.tool} was requested, and nobody knows whether it was executed: ${why}. ` +
    'Look where it would show; then say done (with its result), retry, or skip.';
  return callWait(call, 'in_doubt', prompt);
}

function callWait(call: ExactCall, kind: WaitBody['kind'], prompt: string): WaitBody {
  return {
    id: `wait_${uuidv7()}`,
    kind,
    prompt,
    callId: call.callId,
    tool: call.tool,
    args: call.args,
    digest: callDigest(call.tool, call.args),
    schema: null,
    childRunId: null,
    approvers: null,
    assignee: null,
    deadline: [],
    deadlineAt: null,
    onExpire: 'continue',
  };
}

function ladderOf(tool: ResolvedTool, nowMs: number): Pick<WaitBody, 'deadline' | 'deadlineAt' | 'onExpire'> {
  const deadline = tool.deadline ?? [];
  return { deadline, deadlineAt: expiryOf(deadline, nowMs), onExpire: tool.onExpire };
}

/**
 * When the wait expires by its ladder, RFC 3339, or null.
 * @NOTE The engine has one deadline per wait, at which it expires; steps that notify, assign or decide need a
 * command of their own before they can be due.
 */
function expiryOf(deadline: readonly DeadlineStep[], nowMs: number): string | null {
  const expiring = deadline.filter((step) => step.expire === true).map((step) => step.after);
  if (expiring.length === 0) return null;
  return new Date(nowMs + Math.min(...expiring) * 1_000).toISOString();
}
