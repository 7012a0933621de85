import { systemActor, type WaitBody } from '@fermata/protocol';
import type { CommandOf, EarlyAnswer } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { isStepAnswered, type CallState } from '../state.ts';
import { applyEarly } from './answers.ts';
import { canFinish, succeed } from './finishing.ts';
import { endStep, failStep } from './flow.ts';
import { CHANGED, UNCHANGED, stale, type Decision } from './refuse.ts';
import { stopAtLimit } from './limits.ts';
import { agentOf, failRun, placeHold } from './settle.ts';

/** Deaths in a row from which a run is suspect, and from which a hold `policy` is put on it. */
export const SUSPECT_AFTER = 2;
export const CRASH_LOOP_AFTER = 4;

/** Dispatch alone, but for the first claim, which starts the run. */
export function claim(draft: Draft, command: CommandOf<'claim'>): Decision {
  if (draft.state.startedAt === null) draft.emit({ type: 'run.started', data: { by: command.by } });
  return CHANGED;
}

/** Decided under the lock: a limit that is used up stands in the way, and says so. */
export function startTurn(draft: Draft, command: CommandOf<'startTurn'>): Decision {
  const { turn, waits, flow } = draft.state;
  const again = turn.phase === 'again';
  const expected = again ? [turn.number, turn.attempt + 1] : [turn.number + 1, 1];
  if ((turn.phase !== 'done' && !again) || command.turn !== expected[0] || command.attempt !== expected[1]) {
    stale(draft, `turn ${command.turn} cannot be started after turn ${turn.number} (${turn.phase})`);
  }
  if (flow !== undefined && flow.step?.phase !== 'turns') stale(draft, 'no step of the flow takes turns');
  if (waits.length > 0) stale(draft, 'waits are open');
  if (command.through > draft.state.head) stale(draft, `the log does not reach ${command.through}`);
  if (stopAtLimit(draft, 'turn')) return CHANGED;
  const { attempt, through, model } = command;
  const fallback = again ? turn.fallback : undefined;
  const forced = again ? turn.forced : (command.forced ?? undefined);
  draft.emit({
    type: 'turn.started',
    data: {
      turn: command.turn,
      attempt,
      through,
      model,
      ...(fallback === undefined ? {} : { fallback }),
      ...(forced === undefined ? {} : { forced }),
    },
  });
  return CHANGED;
}

function checkTurn(draft: Draft, command: { turn: number; attempt: number }): void {
  const { turn } = draft.state;
  if (turn.phase !== 'model' || turn.number !== command.turn || turn.attempt !== command.attempt) {
    stale(draft, `turn ${command.turn}, attempt ${command.attempt} is not in flight`);
  }
}

export function delta(draft: Draft, command: CommandOf<'delta'>): Decision {
  checkTurn(draft, command);
  const { turn, attempt, part, channel, text } = command;
  draft.emit({ type: 'message.delta', data: { turn, attempt, part, channel, text } });
  return CHANGED;
}

/** The answer is committed before any call of it starts; where nothing is left to do, the run ends with it. */
export function completeTurn(draft: Draft, command: CommandOf<'completeTurn'>): Decision {
  checkTurn(draft, command);
  const { turn, attempt, parts, finishReason, usage, model } = command;
  const prefix = `call_${draft.state.number.toString(36)}_${turn}_`;
  const toolCalls = command.toolCalls.map((call, index) => ({ ...call, callId: `${prefix}${index + 1}` }));
  draft.emit({
    type: 'message.completed',
    data: { turn, attempt, parts, toolCalls, finishReason, usage, model },
  });
  if (toolCalls.length > 0) return CHANGED;
  draft.emit({ type: 'turn.completed', data: { turn } });
  if (draft.state.flow !== undefined) {
    // A message that came meanwhile is for the step that is being carried out.
    if (isStepAnswered(draft.state)) endStep(draft, command.then ?? []);
  } else if (canFinish(draft) && command.output !== null) succeed(draft, command.output);
  return CHANGED;
}

export function failTurn(draft: Draft, command: CommandOf<'failTurn'>): Decision {
  checkTurn(draft, command);
  const { turn, attempt, error, then } = command;
  const retryAfterMs = then.kind === 'retry' ? then.afterMs : null;
  const fallback = then.kind === 'retry' ? then.fallback : undefined;
  draft.emit({
    type: 'turn.failed',
    data: { turn, attempt, error, retryAfterMs, ...(fallback === undefined ? {} : { fallback }) },
  });
  if (then.kind === 'fail') failRun(draft, agentOf(draft), error);
  if (then.kind === 'step') failStep(draft, then.step);
  if (then.kind === 'hold') {
    placeHold(draft, { name: 'provider', reason: error.message, by: systemActor('driver'), stopClock: true });
  }
  return CHANGED;
}

function callInState(draft: Draft, callId: string, states: readonly CallState['state'][]): CallState {
  const call = draft.state.calls.find((open) => open.callId === callId);
  if (call === undefined || !states.includes(call.state)) {
    stale(draft, `call ${callId} is ${call?.state ?? 'gone'}`);
  }
  return call;
}

/**
 * A call is executed as it was approved or not at all. The driver finds a mismatch first and asks again
 * (`wait.opened` of a new approval); here it can only be behind, and must look at the run again.
 */
function checkApproved(draft: Draft, call: CallState, digest: string | null): void {
  if (call.digest === null || call.digest === digest) return;
  stale(draft, `call ${call.callId} is not the one that was approved (digest mismatch)`);
}

/** Committed before the request leaves; an approved call is requested as it was approved, or not at all. */
export function startCall(draft: Draft, command: CommandOf<'startCall'>): Decision {
  const call = callInState(draft, command.callId, ['ready', 'in_doubt']);
  checkApproved(draft, call, command.digest);
  if (call.attempt === 0 && stopAtLimit(draft, 'call')) return CHANGED;
  draft.emit({
    type: 'tool.started',
    data: {
      turn: draft.state.turn.number,
      callId: call.callId,
      tool: call.tool,
      attempt: call.attempt + 1,
      idempotencyKey: command.idempotencyKey,
      digest: call.digest,
    },
  });
  return CHANGED;
}

export function completeCall(draft: Draft, command: CommandOf<'completeCall'>): Decision {
  const call = callInState(draft, command.callId, ['running']);
  draft.emit({
    type: 'tool.completed',
    data: { callId: call.callId, tool: call.tool, output: command.output, by: null },
  });
  return CHANGED;
}

/** A call that cannot be made at all (no such tool, bad arguments) fails without having been started. */
export function failCall(draft: Draft, command: CommandOf<'failCall'>): Decision {
  const call = callInState(draft, command.callId, ['running', 'ready']);
  draft.emit({
    type: 'tool.failed',
    data: { callId: call.callId, tool: call.tool, error: command.error, by: null },
  });
  return CHANGED;
}

/** Opens waits; an answer that came early resolves its wait in the same commit. */
export function openWaits(draft: Draft, command: CommandOf<'openWaits'>): Decision {
  for (const body of command.waits) {
    if (!mayOpen(draft, body)) return CHANGED;
    const early = earlyAnswer(draft, body);
    draft.emit({ type: 'wait.opened', data: body });
    const wait = draft.state.waits.find((open) => open.id === body.id);
    if (wait !== undefined && early !== undefined) applyEarly(draft, wait, early);
  }
  return CHANGED;
}

/** False: a limit stood in the way, and has had its effect. Throws when the wait does not fit the run any more. */
export function mayOpen(draft: Draft, body: WaitBody): boolean {
  // A hold lets the step in flight end, in a doubt if it must, and nothing else begin.
  if (draft.state.holds.length > 0 && body.kind !== 'in_doubt') stale(draft, 'the run is held');
  if (body.callId === null) return true;
  const states: CallState['state'][] = body.kind === 'in_doubt' ? ['in_doubt', 'running'] : ['ready'];
  const call = callInState(draft, body.callId, states);
  if (body.kind !== 'approval' && body.kind !== 'in_doubt') checkApproved(draft, call, body.digest);
  const counts = body.kind !== 'approval' && body.kind !== 'in_doubt' && call.attempt === 0;
  return !(counts && stopAtLimit(draft, 'call'));
}

/** The answer that was kept for this wait, if it still is: one to a doubt is for the attempt that it came for. */
function earlyAnswer({ state, facts }: Draft, body: WaitBody): EarlyAnswer | undefined {
  const call = state.calls.find((open) => open.callId === body.callId);
  const mark = call?.early.find((kept) => kept.kind === body.kind);
  if (mark === undefined || (mark.kind === 'in_doubt' && mark.attempt !== call?.attempt)) return undefined;
  return facts.early.findLast((kept) => kept.callId === body.callId && kept.kind === body.kind);
}

export function finish(draft: Draft, command: CommandOf<'finish'>): Decision {
  if (!canFinish(draft)) stale(draft, 'there is something left to do');
  succeed(draft, command.output);
  return CHANGED;
}

export function failByDriver(draft: Draft, command: CommandOf<'fail'>): Decision {
  failRun(draft, systemActor('driver'), command.error);
  return CHANGED;
}

export function giveBack(draft: Draft, command: CommandOf<'giveBack'>): Decision {
  draft.emit({ type: 'segment.returned', data: { reason: command.reason } });
  return CHANGED;
}

/**
 * Takes a run from a process that is dead, or from this one that has lost track of it. A run whose claims keep
 * dying without a committed step is put on a hold, so that it cannot take process after process down.
 */
export function adopt(draft: Draft, command: CommandOf<'adopt'>): Decision {
  const { facts } = draft;
  if (!facts.driven) return UNCHANGED;
  if (command.reason === 'orphaned') {
    draft.emit({ type: 'segment.returned', data: { reason: 'orphaned' } });
    return CHANGED;
  }
  draft.emit({
    type: 'segment.lost',
    data: { epoch: facts.epoch, executorId: command.executorId, deaths: facts.attempts },
  });
  if (facts.attempts < CRASH_LOOP_AFTER) return CHANGED;
  const by = systemActor('driver');
  const message = `crash_loop: ${facts.attempts} processes in a row died while driving it`;
  if (draft.state.onLimit === 'fail') failRun(draft, by, { code: 'crash_loop', message });
  else placeHold(draft, { name: 'policy', reason: message, by, stopClock: true });
  return CHANGED;
}
