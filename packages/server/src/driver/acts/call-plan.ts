import type { RunError, TranscriptCall, WaitBody } from '@fermata/protocol';
import { needsApproval, policyText } from '../../agent/tools/approval.ts';
import { afterCrashOf, type ResolvedTool } from '../../agent/tools/resolved-tool.ts';
import { callDigest } from '../../engine/digest.ts';
import type { CallState } from '../../engine/state.ts';
import { earlierCalls } from './earlier-calls.ts';
import { approvalWait, inDoubtWait, waitOfCall, type ExactCall } from '../waits.ts';

/** A request that the server itself makes. */
export interface PlannedRequest {
  call: ExactCall;
  tool: ResolvedTool;
  digest: string;
  /** How often it was requested before. */
  requested: number;
  /** When the outcome is unknown: ask again under the same key, or ask a person. */
  afterCrash: 'retry' | 'ask';
}

export type CallPlan =
  | { kind: 'fail'; error: RunError }
  | { kind: 'wait'; wait: WaitBody }
  | { kind: 'delegate'; call: ExactCall; tool: ResolvedTool }
  | ({ kind: 'request' } & PlannedRequest);

export interface CallPlanOptions {
  state: CallState;
  /** The calls as the conversation has them, in its order. */
  calls: ReadonlyMap<string, TranscriptCall>;
  tools: readonly ResolvedTool[];
  /** Why the tools could not be listed, or null. */
  toolsProblem: string | null;
  /** Tools approved for the rest of the run. */
  remembered: readonly string[];
  /** Requests of one call before a person is asked. */
  callAttempts: number;
  nowMs: number;
}

/** What is to be done about a call without a result that nobody carries out. */
export function planCall(options: CallPlanOptions): CallPlan {
  const { state, calls, nowMs } = options;
  const asked = calls.get(state.callId);
  const tool = options.tools.find((candidate) => candidate.name === state.tool);
  const args = asked?.editedArgs ?? asked?.args ?? null;
  const call: ExactCall = { callId: state.callId, tool: state.tool, args };
  if (state.state === 'in_doubt') return planInDoubt(call, tool, options);
  if (tool === undefined) {
    const { toolsProblem } = options;
    if (toolsProblem !== null) return fail('unreachable', `${state.tool} cannot be called: ${toolsProblem}`);
    return fail('unknown_tool', `there is no tool named ${state.tool}`);
  }
  const problem = tool.argsValid(args);
  if (problem !== null) return fail('invalid_arguments', `the arguments are not valid: ${problem}`);
  const { maxCalls } = tool;
  if (maxCalls !== null && state.attempt === 0 && earlierCalls(calls, state) >= maxCalls) {
    const times = maxCalls === 1 ? '1 time' : `${maxCalls} times`;
    return fail('max_calls', `${state.tool} may be called at most ${times} in one run`);
  }
  if (isAnotherThanApproved(state, call)) {
    return { kind: 'wait', wait: approvalWait(call, tool, nowMs, 'digest_mismatch') };
  }
  if (mustAsk(state, tool, args, options.remembered)) {
    return { kind: 'wait', wait: approvalWait(call, tool, nowMs, policyText(tool.approval)) };
  }
  if (!tool.opensWait) return request(call, tool, state);
  if (startsRun(tool)) return { kind: 'delegate', call, tool };
  const draft = waitOfCall(call, tool, nowMs);
  return draft.ok ? { kind: 'wait', wait: draft.wait } : fail('tool_failed', draft.message);
}

function startsRun({ type, name, target }: ResolvedTool): boolean {
  return target.kind === 'run' || (type === 'builtin' && name === 'delegate');
}

/** An approval is of the exact call: whatever has changed since then, in the log or in its reader, asks again. */
function isAnotherThanApproved({ digest }: CallState, { tool, args }: ExactCall): boolean {
  return digest !== null && digest !== callDigest(tool, args);
}

/** A call that was requested before needs no second approval: a person has said that it be made again. */
function mustAsk(
  state: CallState,
  tool: ResolvedTool,
  args: ExactCall['args'],
  remembered: readonly string[],
): boolean {
  if (state.approved || state.attempt > 0 || remembered.includes(tool.name)) return false;
  return needsApproval(tool.approval, args);
}

function planInDoubt(call: ExactCall, tool: ResolvedTool | undefined, options: CallPlanOptions): CallPlan {
  const { state, callAttempts, nowMs } = options;
  const mayRetry =
    tool !== undefined &&
    !tool.opensWait &&
    !isAnotherThanApproved(state, call) &&
    whenUnknown(tool, state) === 'retry';
  if (mayRetry && state.attempt < callAttempts) return request(call, tool, state);
  const why = mayRetry
    ? `its outcome was lost ${state.attempt} times`
    : 'the server stopped before its outcome was known';
  return { kind: 'wait', wait: inDoubtWait(call, why, tool, nowMs) };
}

function request(call: ExactCall, tool: ResolvedTool, state: CallState): CallPlan {
  return {
    kind: 'request',
    call,
    tool,
    digest: callDigest(call.tool, call.args),
    requested: state.attempt,
    afterCrash: whenUnknown(tool, state),
  };
}

/** Nothing leaves for a built-in that answers at once: there is nothing to ask about. */
function whenUnknown(tool: ResolvedTool, state: CallState): 'retry' | 'ask' {
  const isOwnAct = tool.target.kind === 'immediate' || tool.target.kind === 'plan';
  return isOwnAct ? 'retry' : afterCrashOf(tool, state.approved);
}

function fail(code: string, message: string): CallPlan {
  return { kind: 'fail', error: { code, message } };
}
