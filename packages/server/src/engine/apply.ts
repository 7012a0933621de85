import {
  isTerminal,
  type EventData,
  type EventOf,
  type Limits,
  type RunEvent,
  type RunStatus,
} from '@fermata/protocol';
import { applyStep, loseStep, newCall } from './apply-flow.ts';
import { applyChild, forgetChildren, noteHold, noteReopening } from './apply-tree.ts';
import {
  callOf,
  closeWait,
  escalateWait,
  openWait,
  resolveWait,
  setHolds,
  stateWithout,
} from './apply-waits.ts';
import { chained } from './receipts.ts';
import { initialState, isOrphaned, liveStatus, type RunState } from './state.ts';

/**
 * One event onto the state. The same function serves `commit()` and the fold, so that the projection is the fold
 * of the log by construction (I2). `state` is changed in place; it is null for `run.created` alone.
 */
export function apply(state: RunState | null, event: RunEvent): RunState {
  if (event.type === 'run.created')
    return withReceipts(initialState(event.runId, event.at, event.data), event);
  if (state === null) throw new Error(`the log of ${event.runId} does not begin with run.created`);
  state.head = event.seq;
  state.at = event.at;
  const ended = applyData(state, event);
  setStatus(
    state,
    ended ?? (isTerminal(state.status) && event.type !== 'run.reopened' ? state.status : liveStatus(state)),
  );
  return withReceipts(state, event);
}

function withReceipts(state: RunState, event: RunEvent): RunState {
  const receipts = chained(state.receipts, event);
  if (receipts !== undefined) state.receipts = receipts;
  return state;
}

/** Folds a whole log. */
export function fold(events: Iterable<RunEvent>): RunState | null {
  let state: RunState | null = null;
  for (const event of events) state = apply(state, event);
  return state;
}

function setStatus(state: RunState, status: RunStatus): void {
  if (status === state.status) return;
  if (isActive(state.status))
    state.usage.activeMs += Math.max(0, Date.parse(state.at) - Date.parse(state.statusSince));
  if (state.status === 'waiting') state.announced = state.announced === 'waiting' ? null : state.announced;
  state.status = status;
  state.statusSince = state.at;
}

/** Wall time counts in these two. */
export function isActive(status: RunStatus): boolean {
  return status === 'running' || status === 'pausing';
}

/** Returns the terminal status that the event brings about, if it does. */
function applyData(
  state: RunState,
  event: Exclude<RunEvent, { type: 'run.created' }>,
): RunStatus | undefined {
  switch (event.type) {
    case 'run.started':
      state.startedAt = event.at;
      return;
    case 'run.pausing':
      state.announced = 'pausing';
      return;
    case 'run.paused':
      state.announced = 'paused';
      state.checkpoint = event.data.checkpoint;
      return;
    case 'run.resumed':
      state.announced = null;
      return;
    case 'run.waiting':
      state.announced = 'waiting';
      return;
    case 'run.reopened':
      reopen(state, event);
      return;
    case 'run.succeeded':
      return end(state, event.at, 'succeeded');
    case 'run.failed':
      return end(state, event.at, 'failed');
    case 'run.cancelled':
      return end(state, event.at, 'cancelled');
    case 'run.updated':
      update(state, event);
      return;
    case 'hold.placed': {
      const { hold } = event.data;
      const isOn = state.holds.some((other) => other.name === hold.name);
      const { holds } = state;
      setHolds(
        state,
        isOn ? holds.map((other) => (other.name === hold.name ? hold : other)) : [...holds, hold],
      );
      noteHold(state, event);
      return;
    }
    case 'hold.released':
      if (event.data.granted !== undefined) state.limits = mergeLimits(state.limits, event.data.granted);
      setHolds(
        state,
        state.holds.filter((hold) => hold.name !== event.data.name),
      );
      noteHold(state, event);
      return;
    case 'message.received':
      // Whoever drives an external run reads its log; here the message would never be taken in.
      if (event.data.history !== true && state.mode === 'managed') state.inbox.push(event.seq);
      return;
    case 'message.completed':
      completeMessage(state, event);
      return;
    case 'turn.started':
      startTurn(state, event.data);
      state.inbox = state.inbox.filter((seq) => seq > event.data.through);
      state.checkpoint = { seq: event.seq - 1, label: `turn-${event.data.turn}/before-model` };
      return;
    case 'turn.completed':
      state.turn.phase = 'done';
      return;
    case 'turn.failed':
      state.turn.phase = 'again';
      // When nothing more is tried, whoever does it again begins with the run's own model.
      if (event.data.fallback !== undefined) state.turn.fallback = event.data.fallback;
      else if (event.data.retryAfterMs === null) delete state.turn.fallback;
      return;
    case 'step.started':
    case 'step.completed':
    case 'step.skipped':
    case 'step.failed':
      applyStep(state, event);
      return;
    case 'tool.started': {
      const call = callOf(state, event.data.callId);
      if (call === undefined) return;
      if (call.attempt === 0) state.usage.toolCalls += 1;
      call.attempt = event.data.attempt;
      call.state = 'running';
      return;
    }
    case 'tool.completed':
    case 'tool.failed':
      if (event.data.late !== true) dropCall(state, event.data.callId);
      return;
    case 'tool.denied':
      dropCall(state, event.data.callId);
      return;
    case 'wait.opened':
      openWait(state, event);
      return;
    case 'wait.answered_early': {
      const call = callOf(state, event.data.callId);
      if (call === undefined) return;
      const mark = { ...event.data.early, attempt: call.attempt };
      call.early = [...call.early.filter((other) => other.kind !== mark.kind), mark];
      return;
    }
    case 'wait.assigned': {
      const wait = state.waits.find((open) => open.id === event.data.waitId);
      if (wait !== undefined) wait.assignee = event.data.assignee;
      return;
    }
    case 'wait.escalated':
      escalateWait(state, event);
      return;
    case 'wait.resolved':
      resolveWait(state, event);
      return;
    case 'wait.expired':
    case 'wait.superseded':
      closeWait(state, event.data.waitId);
      return;
    case 'wait.cancelled': {
      const { waitId, callId } = event.data;
      const wait = state.waits.find((open) => open.id === waitId);
      const call = callId === null ? undefined : callOf(state, callId);
      if (call !== undefined) call.state = stateWithout(wait);
      closeWait(state, waitId);
      return;
    }
    case 'segment.lost':
    case 'segment.returned':
      if (state.turn.phase === 'model') state.turn.phase = 'again';
      for (const call of state.calls) if (call.state === 'running') call.state = 'in_doubt';
      state.steps = [];
      loseStep(state);
      if (event.type === 'segment.returned' && event.data.reason === 'forked') {
        for (const call of state.calls) if (isOrphaned(state, call)) call.state = 'ready';
        forgetChildren(state);
      }
      return;
    case 'usage.recorded':
      addTokens(state, event.data.model, event.data.usage, 0);
      return;
    case 'wait.snoozed': {
      const wait = state.waits.find((open) => open.id === event.data.waitId);
      if (wait !== undefined) wait.snoozedUntil = event.data.until;
      return;
    }
    case 'tree.paused':
    case 'child.started':
    case 'child.changed':
    case 'child.finished':
      applyChild(state, event);
      return;
    case 'message.delta':
    case 'tool.output':
    case 'plan.created':
    case 'plan.steps_added':
    case 'plan.step_updated':
    case 'note.logged':
      return;
  }
}

function startTurn(state: RunState, data: EventData<'turn.started'>): void {
  const { turn, attempt, fallback, forced } = data;
  state.turn = { number: turn, attempt, phase: 'model', asked: 0 };
  if (fallback !== undefined) state.turn.fallback = fallback;
  if (forced === undefined) return;
  state.turn.forced = forced;
  if (state.forced?.includes(forced) !== true) state.forced = [...(state.forced ?? []), forced];
}

function end(state: RunState, at: string, status: RunStatus): RunStatus {
  state.finishedAt = at;
  state.announced = null;
  return status;
}

function reopen(state: RunState, event: EventOf<'run.reopened'>): void {
  state.finishedAt = null;
  state.holds = [];
  noteReopening(state);
  state.base = {
    turns: state.usage.turns,
    tokens: state.usage.inputTokens + state.usage.outputTokens,
    toolCalls: state.usage.toolCalls,
    costUsd: state.usage.costUsd ?? 0,
    activeMs: state.usage.activeMs,
  };
  if (event.data.deadlineDropped) state.limits = mergeLimits(state.limits, { deadlineAt: null });
  if (state.turn.phase === 'model') state.turn.phase = 'again';
}

function update(state: RunState, event: EventOf<'run.updated'>): void {
  const { limits, sealed, model, by, reason } = event.data;
  if (limits !== undefined) {
    state.limits = mergeLimits(state.limits, limits);
    state.firstLimits = mergeLimits(state.firstLimits, limits);
  }
  if (sealed !== undefined) state.sealed = sealed ? { by, at: event.at, reason: reason ?? null } : null;
  if (model !== undefined) state.model = model;
}

/** RFC 7396 by key: null removes. What is undefined is not in the log's JSON, so it is not in the patch. */
export function mergeLimits(limits: Limits, patch: Limits): Limits {
  const given = Object.entries(patch).filter(([, value]) => value !== undefined);
  const merged: Limits = { ...limits, ...(Object.fromEntries(given) as Limits) };
  for (const key of Object.keys(merged) as (keyof Limits)[]) {
    if (merged[key] === null || merged[key] === undefined) delete merged[key];
  }
  // The caller's offset is not kept: times are shown and compared in UTC.
  if (typeof merged.deadlineAt === 'string') merged.deadlineAt = new Date(merged.deadlineAt).toISOString();
  return merged;
}

function completeMessage(state: RunState, event: EventOf<'message.completed'>): void {
  const { toolCalls, usage, model } = event.data;
  addTokens(state, model, usage, 1);
  state.calls = toolCalls.map(newCall);
  const { number, attempt } = state.turn;
  state.turn = { number, attempt, asked: toolCalls.length, phase: toolCalls.length > 0 ? 'tools' : 'done' };
  if (toolCalls.length > 0)
    state.checkpoint = { seq: event.seq, label: `turn-${event.data.turn}/before-tools` };
}

function addTokens(
  state: RunState,
  model: string,
  usage: EventOf<'usage.recorded'>['data']['usage'],
  turns: number,
): void {
  const total = state.usage;
  const known = Object.hasOwn(total.byModel, model) ? total.byModel[model] : undefined;
  const own = known ?? { turns: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 };
  if (known === undefined) total.byModel = { ...total.byModel, [model]: own };
  for (const sum of [total, own]) {
    sum.turns += turns;
    sum.inputTokens += usage.inputTokens;
    sum.outputTokens += usage.outputTokens;
    sum.costUsd = sum.costUsd === null || usage.costUsd === null ? null : sum.costUsd + usage.costUsd;
  }
}

function dropCall(state: RunState, callId: string): void {
  state.calls = state.calls.filter((call) => call.callId !== callId);
}
