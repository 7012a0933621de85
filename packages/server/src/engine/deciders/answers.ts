import {
  roleIncludes,
  roleSchema,
  type Actor,
  type AnswerBody,
  type Json,
  type Resolution,
  type Role,
  type WaitKind,
} from '@fermata/protocol';
import type { ClosedWait, CommandOf, EarlyAnswer } from '../commands.ts';
import { callDigest, digestOf } from '../digest.ts';
import type { Draft } from '../draft.ts';
import { EngineError } from '../errors.ts';
import type { CallState, WaitState } from '../state.ts';
import { openWaitsOf } from '../tree.ts';
import { CHANGED, UNCHANGED, refuse, type Decision } from './refuse.ts';

type Answer = CommandOf<'answer'>;

/** What an answer says, whatever the words around it: two answers with the same digest are repeats. */
interface Verdict {
  outcome: string;
  value: Json;
  editedArgs: Json;
}

/** Answers an open wait, keeps an early answer, and tells a late one who won. */
export function answer(draft: Draft, command: Answer): Decision {
  const { target } = command;
  const kind = kindOfAnswer(command.answer);
  const open = draft.state.waits.find((wait) =>
    'waitId' in target ? wait.id === target.waitId : wait.callId === target.callId,
  );
  if (open !== undefined && ('waitId' in target || open.kind === kind))
    return decideWait(draft, open, command);
  const closed = closedFor(draft, command, kind);
  if (closed !== undefined && closed.kind === kind) return tellWinner(draft, command, closed);
  const call = callFor(draft, command);
  if (call !== undefined && kind !== null && mayComeEarly(call, kind, open)) {
    return keepEarly(draft, command, call, kind);
  }
  if (open !== undefined) return decideWait(draft, open, command);
  if (closed !== undefined) return tellWinner(draft, command, closed);
  if (call !== undefined) refuse(draft, 'invalid_request', 'this call takes no such answer now');
  return noSuchTarget(draft, command);
}

/** A run that has ended waits for nothing: every answer comes too late. */
export function answerEnded(draft: Draft, command: Answer): Decision {
  const closed = closedFor(draft, command, kindOfAnswer(command.answer));
  if (closed !== undefined) return tellWinner(draft, command, closed);
  if (callFor(draft, command) !== undefined)
    refuse(draft, 'wait_closed', 'the run has ended; it waits for nothing');
  return noSuchTarget(draft, command);
}

function decideWait(draft: Draft, wait: WaitState, command: Answer): Decision {
  resolveWait(draft, wait, checkAnswer(draft, wait, command));
  return CHANGED;
}

function callFor({ state }: Draft, { target }: Answer): CallState | undefined {
  return 'callId' in target ? state.calls.find((call) => call.callId === target.callId) : undefined;
}

/** The closed wait that the answer means; by call id the last one of its kind, else the last one. */
function closedFor({ facts }: Draft, { target }: Answer, kind: WaitKind | null): ClosedWait | undefined {
  const closed = facts.closed
    .filter((wait) => ('waitId' in target ? wait.id === target.waitId : wait.callId === target.callId))
    .toSorted((a, b) => Date.parse(a.resolution.at) - Date.parse(b.resolution.at));
  return closed.findLast((wait) => wait.kind === kind) ?? closed.at(-1);
}

function noSuchTarget(draft: Draft, { target }: Answer): never {
  const below = openWaitsOf(draft.state).find((wait) =>
    'waitId' in target ? wait.id === target.waitId : wait.callId === target.callId,
  );
  if (below !== undefined)
    throw new EngineError('invalid_request', `the child run ${below.runId} waits for this; answer it there`);
  return refuse(draft, 'not_found', 'waitId' in target ? 'there is no such wait' : 'there is no such call');
}

/** Which kind of wait an answer's members speak of; null when they say nothing or contradict each other. */
export function kindOfAnswer(body: AnswerBody): WaitKind | null {
  const { decision, outcome, output, error, value } = body;
  const kinds: WaitKind[] = [];
  if (decision !== undefined) kinds.push('approval');
  if (outcome !== undefined) kinds.push(outcome === 'fire' ? 'timer' : 'in_doubt');
  const isResult = outcome !== 'done' && output !== undefined;
  if (isResult || error !== undefined) kinds.push('tool_output');
  if (value !== undefined) kinds.push('input');
  const edits = body.editedArgs !== undefined && decision !== 'approve';
  const [kind] = kinds;
  return kind === undefined || kinds.length > 1 || edits || (isResult && error !== undefined) ? null : kind;
}

function checkAnswer(draft: Draft, wait: WaitState, command: Answer): Resolution {
  const body = command.answer;
  const kind = kindOfAnswer(body);
  if (wait.kind === 'run') {
    throw new EngineError('invalid_request', 'a child run cannot be answered; answer what it waits for');
  }
  if (kind !== wait.kind) {
    throw new EngineError('invalid_request', `the wait asks for ${SHAPES[wait.kind]}`, {
      errors: [{ path: '', message: `expected ${SHAPES[wait.kind]}` }],
    });
  }
  checkApprover(draft, wait, command);
  if (wait.kind === 'approval' && wait.digest !== null) checkDigest(draft, wait.digest, command);
  return resolutionOf(draft, wait, body, command);
}

/** The record of an answer that is accepted: what was seen, and the digest of what is to be executed. */
export function resolutionOf(
  draft: Draft,
  wait: WaitState,
  body: AnswerBody,
  { by, role, via }: { by: Actor; role?: Role; via: string },
): Resolution {
  const isEdited = wait.kind === 'approval' && body.editedArgs !== undefined && wait.tool !== null;
  return {
    ...verdictOf(body),
    reason: body.reason ?? null,
    by,
    at: draft.now,
    digestSeen: body.digest ?? null,
    digest: isEdited ? callDigest(wait.tool ?? '', body.editedArgs ?? null) : wait.digest,
    via,
    remember: body.remember ?? null,
    ...(role === undefined ? {} : { role }),
    ...(wait.policy === undefined ? {} : { policy: wait.policy }),
  };
}

const SHAPES: Record<WaitKind, string> = {
  approval: '{decision: approve|deny, digest}',
  tool_output: '{output} or {error}',
  input: '{value}',
  timer: '{outcome: fire}',
  in_doubt: '{outcome: done|retry|skip}',
  run: 'nothing: a child run cannot be answered',
};

/** Who may decide is named by id or by role, which those above it include. */
function checkApprover(draft: Draft, { approvers }: WaitState, { by, role }: Answer): void {
  const may = (name: string): boolean => {
    const named = roleSchema.safeParse(name);
    return name === by.id || (named.success && roleIncludes(role, named.data));
  };
  if (approvers === null || approvers.some(may)) return;
  refuse(draft, 'forbidden', `only ${approvers.join(', ') || 'nobody'} may decide this`);
}

function checkDigest(draft: Draft, current: string, command: Answer): void {
  if (command.digest === 'shown') return;
  const seen = command.answer.digest;
  if (seen === undefined) {
    if (command.digest === 'optional') return;
    refuse(draft, 'digest_required', 'the answer must name the digest of the call that was shown', {
      digest: current,
    });
  }
  if (seen !== current) {
    refuse(draft, 'digest_mismatch', 'the call is not the one that was shown; look at it again', {
      digest: current,
    });
  }
}

function verdictOf(body: AnswerBody): Verdict {
  const editedArgs = body.editedArgs ?? null;
  if (body.decision !== undefined) return { outcome: body.decision, value: null, editedArgs };
  if (body.outcome !== undefined) return { outcome: body.outcome, value: body.output ?? null, editedArgs };
  if (body.error !== undefined) return { outcome: 'error', value: body.error, editedArgs };
  if (body.output !== undefined) return { outcome: 'output', value: body.output, editedArgs };
  return { outcome: 'value', value: body.value ?? null, editedArgs };
}

function verdictDigest({ outcome, value, editedArgs }: Verdict): string {
  return digestOf({ outcome, value, editedArgs });
}

/** Resolves a wait and gives its call the result, if the answer is one. */
export function resolveWait(draft: Draft, wait: WaitState, resolution: Resolution): void {
  const { callId } = wait;
  const tool = wait.tool ?? draft.state.calls.find((call) => call.callId === callId)?.tool ?? null;
  draft.emit({ type: 'wait.resolved', data: { waitId: wait.id, callId, resolution } });
  if (callId === null || tool === null) return;
  const { by, value, reason } = resolution;
  switch (resolution.outcome) {
    case 'approve':
    case 'retry':
      return;
    case 'deny':
    case 'skip':
      draft.emit({
        type: 'tool.denied',
        data: {
          callId,
          tool,
          reason: reason ?? (resolution.outcome === 'skip' ? 'skipped: it may have been executed' : null),
          by,
          outcome: resolution.outcome === 'skip' ? 'interrupted' : 'denied',
        },
      });
      return;
    case 'fire':
      draft.emit({ type: 'tool.completed', data: { callId, tool, output: { firedAt: draft.now }, by } });
      return;
    case 'error':
      draft.emit({
        type: 'tool.failed',
        data: { callId, tool, error: { code: 'tool_failed', message: String(value) }, by },
      });
      return;
    default:
      draft.emit({ type: 'tool.completed', data: { callId, tool, output: value, by } });
  }
}

/** Before its wait is opened: nobody has begun the call, or what came of it is still to be asked. */
function mayComeEarly(call: CallState, kind: WaitKind, open: WaitState | undefined): boolean {
  if (kind === 'in_doubt') return call.state === 'in_doubt';
  if (open !== undefined) return open.kind === 'approval' && kind !== 'approval';
  return call.state === 'ready' && call.attempt === 0;
}

function keepEarly(draft: Draft, command: Answer, call: CallState, kind: WaitKind): Decision {
  // Nothing was shown yet, so no role and no face may leave out what is approved.
  if (kind === 'approval' && command.answer.digest === undefined) {
    refuse(
      draft,
      'digest_required',
      'a decision before the approval is asked for must name the digest of the call',
    );
  }
  const valueDigest = verdictDigest(verdictOf(command.answer));
  const first = call.early.find((kept) => kept.kind === kind);
  if (first !== undefined) {
    if (first.valueDigest === valueDigest && first.by.id === command.by.id) return UNCHANGED;
    refuse(draft, 'wait_closed', 'an answer to this call was given before', {
      winner: { by: first.by, at: first.at, outcome: first.kind, digest: first.valueDigest },
    });
  }
  draft.emit({
    type: 'wait.answered_early',
    data: {
      callId: call.callId,
      answer: command.answer,
      via: command.via,
      early: { kind, valueDigest, by: command.by, at: draft.now, role: command.role },
    },
  });
  return CHANGED;
}

function tellWinner(draft: Draft, command: Answer, { resolution }: ClosedWait): Decision {
  const asked = verdictDigest(verdictOf(command.answer));
  if (verdictDigest(resolution) === asked && resolution.by.id === command.by.id) return UNCHANGED;
  return refuseClosed(draft, resolution);
}

/** Tells who won, when and with what: the digest is that of the canonical answer. */
export function refuseClosed(draft: Draft, resolution: Resolution): never {
  const { by, at, outcome } = resolution;
  const winner = { by, at, outcome, digest: verdictDigest(resolution) };
  return refuse(draft, 'wait_closed', `the wait was decided already: ${outcome} by ${by.name}`, { winner });
}

/** A kept answer to the wait that has just been opened; one that no longer fits is passed over. */
export function applyEarly(draft: Draft, wait: WaitState, early: EarlyAnswer): void {
  try {
    const resolution = checkAnswer(draft, wait, {
      type: 'answer',
      by: early.by,
      role: early.role,
      via: early.via,
      target: { waitId: wait.id },
      answer: early.answer,
      digest: 'required',
    });
    resolveWait(draft, wait, resolution);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
  }
}
