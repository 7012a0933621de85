import {
  answerBodySchema,
  isJsonObject,
  type DeadlineStep,
  type Json,
  type JsonObject,
  type WaitBody,
  type WaitKind,
} from '@fermata/protocol';
import { v7 as uuidv7 } from 'uuid';
import { PLAN_REVIEW_SCHEMA, PROPOSE_PLAN, sleepTarget } from '../agent/tools/builtin-tools.ts';
import type { ResolvedTool } from '../agent/tools/resolved-tool.ts';
import { kindOfAnswer } from '../engine/deciders/answers.ts';
import { callDigest } from '../engine/digest.ts';
import { orderedSteps, secondsAfter } from '../engine/ladder.ts';
import { compileSchema } from '../schemas/json-schema.ts';

/** A call as it is to be made: with the approver's arguments where there are some. */
export interface ExactCall {
  callId: string;
  tool: string;
  args: Json;
}

export type WaitDraft = { ok: true; wait: WaitBody } | { ok: false; message: string };

/** Longer schemas are not shown; edited arguments are then checked when the call is made. */
const MAX_SCHEMA_LENGTH = 32_768;

/**
 * Asks whether the exact call may be made; the answer names its digest. `policy` is what asks: the tool's rule, or
 * `digest_mismatch` when the call is no longer the one that was approved.
 */
export function approvalWait(call: ExactCall, tool: ResolvedTool, nowMs: number, policy: string): WaitBody {
  const { approval, inputSchema } = tool;
  const approvers = typeof approval === 'object' ? (approval.approvers ?? null) : null;
  const question = `May the agent call ${call.tool} with these arguments?`;
  const prompt =
    policy === 'digest_mismatch' ? `${question} They are not the ones that were approved before.` : question;
  const fits = ({ editedArgs }: JsonObject): boolean =>
    editedArgs === undefined || tool.argsValid(editedArgs) === null;
  return {
    ...callWait(call, 'approval', prompt),
    ...ladderOf(tool, 'approval', nowMs, fits),
    schema: JSON.stringify(inputSchema).length <= MAX_SCHEMA_LENGTH ? inputSchema : null,
    approvers,
    policy,
  };
}

/** The wait that stands for a call which no request of ours carries out: a client tool or a built-in that waits. */
export function waitOfCall(call: ExactCall, tool: ResolvedTool, nowMs: number): WaitDraft {
  if (tool.type !== 'builtin') {
    const prompt = `Carry out ${call.tool} with these arguments and report its output.`;
    return {
      ok: true,
      wait: { ...callWait(call, 'tool_output', prompt), ...ladderOf(tool, 'tool_output', nowMs) },
    };
  }
  switch (tool.name) {
    case 'ask_user':
      return inputWait(call, tool, nowMs);
    case 'sleep_until':
      return timerWait(call, nowMs);
    case PROPOSE_PLAN:
      return { ok: true, wait: planWait(call, tool, nowMs) };
    default:
      return { ok: false, message: `${tool.name} is not supported` };
  }
}

/** Waits for a child run, which is still to be named. */
export function childWait(call: ExactCall, tool: ResolvedTool, nowMs: number): WaitBody {
  return { ...callWait(call, 'run', 'Waits for a child run.'), ...ladderOf(tool, 'run', nowMs) };
}

function inputWait(call: ExactCall, tool: ResolvedTool, nowMs: number): WaitDraft {
  const args = isJsonObject(call.args) ? call.args : {};
  const question = typeof args['question'] === 'string' ? args['question'] : 'The agent asks for an answer.';
  const schema: JsonObject = isJsonObject(args['schema']) ? args['schema'] : { type: 'string' };
  const compiled = compileSchema(schema);
  if (!compiled.ok)
    return { ok: false, message: `the schema of the answer cannot be used: ${compiled.message}` };
  const fits = ({ value }: JsonObject): boolean => compiled.validate(value) === null;
  const ladder = ladderOf(tool, 'input', nowMs, fits);
  return { ok: true, wait: { ...callWait(call, 'input', question), ...ladder, schema } };
}

/** The plan itself is what is asked. */
function planWait(call: ExactCall, tool: ResolvedTool, nowMs: number): WaitBody {
  const args = isJsonObject(call.args) ? call.args : {};
  const plan = typeof args['plan'] === 'string' ? args['plan'] : '';
  return { ...callWait(call, 'input', plan), ...ladderOf(tool, 'input', nowMs), schema: PLAN_REVIEW_SCHEMA };
}

function timerWait(call: ExactCall, nowMs: number): WaitDraft {
  const target = sleepTarget(call.args, nowMs);
  if (!target.ok) return target;
  const at = new Date(target.atMs);
  if (Number.isNaN(at.getTime())) return { ok: false, message: 'the time is out of range' };
  const deadlineAt = at.toISOString();
  return { ok: true, wait: { ...callWait(call, 'timer', `Goes on at ${deadlineAt}.`), deadlineAt } };
}

/**
 * Asks what became of a call: done (with its result), do it again, or skip it. `why` ends the sentence. The tool's
 * ladder may tell and assign people here too, but a doubt does not go away because nobody looked.
 */
export function inDoubtWait(
  call: ExactCall,
  why: string,
  tool: ResolvedTool | undefined,
  nowMs: number,
): WaitBody {
  const prompt =
    `${call.tool} was requested, and nobody knows whether it was executed: ${why}. ` +
    'Look where it would show; then say done (with its result), retry, or skip.';
  const wait = callWait(call, 'in_doubt', prompt);
  return tool === undefined ? wait : { ...wait, ...ladderOf(tool, 'in_doubt', nowMs) };
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
    policy: null,
    assignee: null,
    deadline: [],
    deadlineAt: null,
    onExpire: 'continue',
  };
}

/**
 * The tool's ladder as far as it goes with this kind of wait: one tool may open waits of several kinds, and a step
 * that decides speaks to one of them. A decision whose value the question does not take lets the wait expire.
 */
function ladderOf(
  tool: ResolvedTool,
  kind: WaitKind,
  nowMs: number,
  fits: (decision: JsonObject) => boolean = () => true,
): Pick<WaitBody, 'deadline' | 'deadlineAt' | 'onExpire'> {
  const ladder = (kind === 'approval' ? tool.approvalDeadline : undefined) ?? tool.deadline ?? [];
  const deadline = orderedSteps(ladder).flatMap((step): DeadlineStep[] => {
    const { after, notify, assign, decide, expire } = step;
    if (decide === undefined) {
      if (expire !== true || kind !== 'in_doubt') return [step];
      return notify === undefined && assign === undefined ? [] : [{ ...step, expire: undefined }];
    }
    const answer = answerBodySchema.safeParse(decide);
    if (!answer.success || kindOfAnswer(answer.data) !== kind) return [];
    return [fits(decide) ? step : { after, expire: true }];
  });
  const [first] = deadline;
  const deadlineAt = first === undefined ? null : secondsAfter(nowMs, first.after);
  return { deadline, deadlineAt, onExpire: tool.onExpire };
}
