import type { EventOf } from '@fermata/protocol';
import { orderedSteps } from './ladder.ts';
import type { CallState, RunState, WaitState } from './state.ts';

/** What a run's log says of its waits, and of the calls that own them. */
export function openWait(state: RunState, event: EventOf<'wait.opened'>): void {
  const wait = event.data;
  const stands = clockStands(state) && wait.kind !== 'timer' && wait.deadlineAt !== null;
  state.waits.push({
    id: wait.id,
    kind: wait.kind,
    callId: wait.callId,
    tool: wait.tool,
    since: event.at,
    digest: wait.digest,
    approvers: wait.approvers,
    ...(typeof wait.policy === 'string' ? { policy: wait.policy } : {}),
    childRunId: wait.childRunId,
    assignee: wait.assignee,
    onExpire: wait.onExpire,
    ...(wait.kind === 'timer' || wait.deadline.length === 0
      ? {}
      : { ladder: { steps: orderedSteps(wait.deadline), next: 0 } }),
    deadlineAt: stands ? null : wait.deadlineAt,
    remainingMs: stands ? Math.max(0, Date.parse(wait.deadlineAt ?? event.at) - Date.parse(event.at)) : null,
  });
  const call = wait.callId === null ? undefined : callOf(state, wait.callId);
  if (call === undefined) return;
  call.state = 'waiting';
  // Asked again: what was approved before is not what is to be executed.
  if (wait.kind === 'approval') {
    call.approved = false;
    call.digest = null;
  }
  call.early = call.early.filter((mark) => mark.kind !== wait.kind);
  // Waits that stand for the call itself count as begun calls; an approval or a doubt comes beside one.
  if (wait.kind !== 'approval' && wait.kind !== 'in_doubt' && call.attempt === 0) {
    call.attempt = 1;
    state.usage.toolCalls += 1;
  }
}

/** A step of the ladder was taken; the next one is due at its time, or the wait stays as it is. */
export function escalateWait(state: RunState, { data }: EventOf<'wait.escalated'>): void {
  const wait = state.waits.find((open) => open.id === data.waitId);
  if (wait === undefined) return;
  wait.deadlineAt = data.deadlineAt;
  if (wait.ladder !== undefined) wait.ladder = { ...wait.ladder, next: data.step + 1 };
}

/** An answer, and what it makes of its call. */
export function resolveWait(state: RunState, event: EventOf<'wait.resolved'>): void {
  const { callId, waitId, resolution } = event.data;
  const wait = state.waits.find((open) => open.id === waitId);
  const call = callId === null ? undefined : callOf(state, callId);
  // Any other outcome is the call's result, which is the next event: until then nothing is left to do.
  if (call !== undefined && (resolution.outcome === 'approve' || resolution.outcome === 'retry'))
    call.state = 'ready';
  if (wait?.kind === 'approval' && resolution.outcome === 'approve') {
    if (call !== undefined) {
      call.approved = true;
      call.digest = resolution.digest;
    }
    if (resolution.remember === 'run' && wait.tool !== null && !state.remembered.includes(wait.tool)) {
      state.remembered.push(wait.tool);
    }
  }
  closeWait(state, waitId);
}

/** What a call is whose wait was closed without an answer. */
export function stateWithout(wait: WaitState | undefined): CallState['state'] {
  // That nobody answers does not take the doubt away. A child is cancelled with its wait: another may be started.
  if (wait?.kind === 'in_doubt') return 'in_doubt';
  return wait?.kind === 'run' ? 'ready' : 'cancelled';
}

export function closeWait(state: RunState, waitId: string): void {
  state.waits = state.waits.filter((open) => open.id !== waitId);
}

export function callOf(state: RunState, callId: string): CallState | undefined {
  return state.calls.find((call) => call.callId === callId);
}

/** The clocks of waits stand from the first hold with `stopClock` to the last. */
export function setHolds(state: RunState, holds: RunState['holds']): void {
  const stood = clockStands(state);
  state.holds = holds;
  const stands = clockStands(state);
  if (stands && !stood) stopClocks(state);
  if (stood && !stands) startClocks(state);
}

function clockStands(state: RunState): boolean {
  return state.holds.some((hold) => hold.stopClock);
}

function stopClocks(state: RunState): void {
  for (const wait of state.waits) {
    if (wait.kind === 'timer' || wait.deadlineAt === null) continue;
    wait.remainingMs = Math.max(0, Date.parse(wait.deadlineAt) - Date.parse(state.at));
    wait.deadlineAt = null;
  }
}

function startClocks(state: RunState): void {
  for (const wait of state.waits) {
    if (wait.remainingMs === null) continue;
    wait.deadlineAt = new Date(Date.parse(state.at) + wait.remainingMs).toISOString();
    wait.remainingMs = null;
  }
}
