import {
  type Actor,
  type AnswerBody,
  type EventData,
  type JsonObject,
  systemActor,
  type TokenUsage,
  type WaitBody,
} from '@fermata/protocol';
import type { Command, CommandOf } from './commands.ts';
import { callDigest } from './digest.ts';
import type { NewPlanStep } from './plan.ts';
import type { RunState } from './state.ts';

// Commands with everything but what a test is about filled in.

export const ANNA: Actor = { type: 'principal', id: 'anna', name: 'Anna' };
export const BEN: Actor = { type: 'principal', id: 'ben', name: 'Ben' };

type Filled<C extends Command['type']> = Partial<Omit<CommandOf<C>, 'type'>>;

export function pause(over: Filled<'pause'> = {}): CommandOf<'pause'> {
  return {
    type: 'pause',
    by: ANNA,
    reason: null,
    hold: 'operator',
    at: 'checkpoint',
    stopClock: true,
    ...over,
  };
}
export function resume(over: Filled<'resume'> = {}): CommandOf<'resume'> {
  return { type: 'resume', by: ANNA, reason: null, hold: null, limits: null, model: null, ...over };
}
export function answer(
  target: CommandOf<'answer'>['target'],
  body: AnswerBody,
  over: Filled<'answer'> = {},
): CommandOf<'answer'> {
  const rest = { by: ANNA, role: 'operator', via: 'native', digest: 'required' } as const;
  return { type: 'answer', ...rest, target, answer: body, ...over };
}
export function message(over: Filled<'message'> = {}): CommandOf<'message'> {
  return {
    type: 'message',
    by: ANNA,
    messageId: null,
    role: 'user',
    parts: [{ type: 'text', text: 'hi' }],
    onWaiting: null,
    resume: false,
    reopen: false,
    model: null,
    reason: null,
    ...over,
  };
}
export function report(over: Filled<'report'> = {}): CommandOf<'report'> {
  return {
    type: 'report',
    by: ANNA,
    status: null,
    output: undefined,
    summary: undefined,
    error: undefined,
    reopen: false,
    reason: null,
    ...over,
  };
}
export function retry(over: Filled<'retry'> = {}): CommandOf<'retry'> {
  return { type: 'retry', by: ANNA, reason: null, ...over };
}
export function cancel(over: Filled<'cancel'> = {}): CommandOf<'cancel'> {
  return { type: 'cancel', by: ANNA, reason: null, ...over };
}
export function update(over: Filled<'update'> = {}): CommandOf<'update'> {
  return { type: 'update', by: ANNA, reason: null, ...over };
}
export function note(key: string | null = null): CommandOf<'note'> {
  const body = { by: ANNA, noteType: 'log', summary: 'a note', data: null, key };
  return { type: 'note', by: ANNA, note: body };
}
export function plan(over: Filled<'plan'> = {}): CommandOf<'plan'> {
  return { type: 'plan', by: ANNA, change: { kind: 'create', steps: [planStep('a')] }, ...over };
}
export function planStep(id: string, over: Partial<NewPlanStep> = {}): NewPlanStep {
  return { id, description: `step ${id}`, sequence: 1, parentStepId: null, metadata: {}, ...over };
}
export function expire(waitId: string, over: Filled<'expire'> = {}): CommandOf<'expire'> {
  return { type: 'expire', by: systemActor('sweep'), waitId, expectedDeadlineAt: null, ...over };
}
export function exhaust(limit: CommandOf<'exhaust'>['limit']): CommandOf<'exhaust'> {
  return { type: 'exhaust', by: systemActor('sweep'), limit };
}
export function lateOutcome(
  callId: string,
  outcome: CommandOf<'lateOutcome'>['outcome'],
): CommandOf<'lateOutcome'> {
  return { type: 'lateOutcome', callId, tool: 'tool', outcome };
}
export function adopt(reason: 'dead' | 'orphaned' = 'dead'): CommandOf<'adopt'> {
  return { type: 'adopt', executorId: 'executor', reason };
}
export function giveBack(over: Filled<'giveBack'> = {}): CommandOf<'giveBack'> {
  return { type: 'giveBack', reason: 'drain', afterMs: 0, ...over };
}

/** The turn that the run can start now. */
export function startTurn(run: { state: RunState }, over: Filled<'startTurn'> = {}): CommandOf<'startTurn'> {
  const { turn, head } = run.state;
  const again = turn.phase === 'again';
  return {
    type: 'startTurn',
    through: head,
    turn: again ? turn.number : turn.number + 1,
    attempt: again ? turn.attempt + 1 : 1,
    model: 'script/test',
    ...over,
  };
}
export function completeTurn(
  run: { state: RunState },
  tools: readonly string[] = [],
  over: Filled<'completeTurn'> = {},
): CommandOf<'completeTurn'> {
  const { number, attempt } = run.state.turn;
  return {
    type: 'completeTurn',
    turn: number,
    attempt,
    parts: [{ type: 'text', text: 'ok' }],
    toolCalls: tools.map((tool) => ({ providerCallId: null, tool, args: { n: 1 } })),
    finishReason: tools.length > 0 ? 'tool_calls' : 'stop',
    usage: tokens(10, 5, 0.5),
    model: 'script/test',
    output: 'ok',
    ...over,
  };
}
export function failTurn(
  run: { state: RunState },
  then: CommandOf<'failTurn'>['then'] = { kind: 'fail' },
): CommandOf<'failTurn'> {
  const { number, attempt } = run.state.turn;
  const error = { code: 'provider_failed', message: 'no answer' };
  return { type: 'failTurn', turn: number, attempt, error, then };
}
export function startCall(callId: string, digest: string | null = null): CommandOf<'startCall'> {
  return { type: 'startCall', callId, idempotencyKey: `run:1:${callId}`, digest };
}
export function completeCall(callId: string): CommandOf<'completeCall'> {
  return { type: 'completeCall', callId, output: { done: true } };
}
export function failCall(callId: string): CommandOf<'failCall'> {
  return { type: 'failCall', callId, error: { code: 'tool_failed', message: 'no' } };
}
/** The attempt at the flow's step that may be begun now. */
export function startStep(
  run: { state: RunState },
  work: CommandOf<'startStep'>['work'] = { kind: 'turns' },
  over: Filled<'startStep'> = {},
): CommandOf<'startStep'> {
  const { step, next } = run.state.flow ?? { step: null, next: null };
  return {
    type: 'startStep',
    stepId: next ?? 'none',
    attempt: (step?.attempt ?? 0) + 1,
    input: null,
    work,
    ...over,
  };
}
/** The end of the step that was begun, or of the one that is begun in the same commit. */
export function completeStep(
  run: { state: RunState },
  over: Filled<'completeStep'> = {},
): CommandOf<'completeStep'> {
  return { type: 'completeStep', ...begunStep(run), output: 'out', next: null, ...over };
}
export function failStep(
  run: { state: RunState },
  then: CommandOf<'failStep'>['then'] = { kind: 'fail', error: { code: 'step_failed', message: 'no' } },
  over: Filled<'failStep'> = {},
): CommandOf<'failStep'> {
  const error = { code: 'tool_failed', message: 'no' };
  return { type: 'failStep', ...begunStep(run), error, then, ...over };
}
export function skipStep(run: { state: RunState }, next: string | null = null): CommandOf<'skipStep'> {
  return { type: 'skipStep', stepId: run.state.flow?.next ?? 'none', reason: 'disabled', next };
}
function begunStep({ state }: { state: RunState }): { stepId: string; attempt: number } {
  const { step, next } = state.flow ?? { step: null, next: null };
  return { stepId: step?.id ?? next ?? 'none', attempt: step?.attempt ?? 1 };
}
/** A flow of these steps, which do nothing that a test of the engine would see. */
export function flowOf(...ids: string[]): JsonObject {
  const steps = ids.map((id) => ({ id, name: `Step ${id}`, type: 'set', variable: 'x', value: id }));
  return { id: null, name: 'flow', version: null, steps };
}
export function tokens(inputTokens: number, outputTokens: number, costUsd: number | null): TokenUsage {
  return { inputTokens, outputTokens, costUsd };
}

export const DIGEST = callDigest('tool', { n: 1 });

export function waitBody(id: string, kind: WaitBody['kind'], over: Partial<WaitBody> = {}): WaitBody {
  return {
    id,
    kind,
    prompt: 'please',
    callId: null,
    tool: 'tool',
    args: { n: 1 },
    digest: DIGEST,
    schema: null,
    childRunId: kind === 'run' ? 'child' : null,
    approvers: null,
    assignee: null,
    deadline: [],
    deadlineAt: null,
    onExpire: 'continue',
    ...over,
  };
}
export function openWaits(...waits: WaitBody[]): CommandOf<'openWaits'> {
  return { type: 'openWaits', waits };
}

/** A call of `delegate`, whose child run is `child`. */
export function delegation(callId: string, waitId = 'wd'): CommandOf<'delegate'> {
  const parent = { runId: 'parent', callId, waitId };
  return {
    type: 'delegate',
    wait: waitBody(waitId, 'run', { callId }),
    child: { runId: 'child', created: childBody({ parent }), secrets: null },
  };
}

/** `run.created` of a child run, without its number. */
export function childBody(over: Partial<EventData<'run.created'>>): Omit<EventData<'run.created'>, 'number'> {
  return {
    organizationId: 1,
    by: ANNA,
    key: null,
    mode: 'managed',
    kind: 'agent',
    origin: 'native',
    agent: null,
    flow: null,
    title: null,
    sessionId: null,
    missionId: null,
    parent: null,
    depth: 1,
    forkedFrom: null,
    input: 'hello',
    limits: {},
    onLimit: 'pause',
    onProviderFailure: 'fail',
    metadata: {},
    face: null,
    startAt: null,
    traceparent: null,
    ...over,
  };
}
