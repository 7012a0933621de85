import { canonicalJson, type Actor, type Json, type RunError } from '@fermata/protocol';
import type { CommandOf } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { EngineError } from '../errors.ts';
import { UNEXPLAINED_FAILURE } from '../record.ts';
import { hasPassed } from './limits.ts';
import { CHANGED, refuse, refuseTransition, type Decision } from './refuse.ts';
import { cancelWaits, checkpointOf, fence } from './settle.ts';
import { resume } from './holds.ts';

export function cancel(draft: Draft, command: CommandOf<'cancel'>): Decision {
  const wasPaused = draft.state.status === 'paused' || draft.state.status === 'pausing';
  const checkpoint = draft.state.checkpoint ?? checkpointOf(draft);
  fence(draft, 'cancelled');
  cancelWaits(draft, command.by, command.reason);
  draft.emit({
    type: 'run.cancelled',
    data: { reason: command.reason, by: command.by, checkpoint, wasPaused },
  });
  return CHANGED;
}

/** A report of the client that drives an external run, or the early end of a managed one. */
export function report(draft: Draft, command: CommandOf<'report'>): Decision {
  const external = draft.state.mode === 'external';
  if (command.status === null || command.status === 'running') {
    if (!external && command.status === 'running') {
      throw new EngineError(
        'invalid_request',
        'a managed run is driven by the server; report succeeded or failed',
      );
    }
    return reportRunning(draft, command);
  }
  if (external) start(draft, command.by);
  fence(draft, 'reported');
  cancelWaits(draft, command.by, command.reason);
  clearFields(draft, command);
  if (command.status === 'succeeded') {
    draft.emit({
      type: 'run.succeeded',
      data: { by: command.by, output: command.output ?? null, summary: command.summary ?? null },
    });
  } else {
    draft.emit({
      type: 'run.failed',
      data: {
        by: command.by,
        error: command.error ?? reportedBefore(draft, command) ?? UNEXPLAINED_FAILURE,
        output: command.output ?? null,
        summary: command.summary ?? null,
      },
    });
  }
  return CHANGED;
}

/** An error that was reported before the failure is its error, unless null takes it back. */
function reportedBefore(draft: Draft, command: CommandOf<'report'>): RunError | null {
  return command.error === undefined ? (draft.facts.record?.error ?? null) : null;
}

function reportRunning(draft: Draft, command: CommandOf<'report'>): Decision {
  let changed = reportFields(draft, command);
  if (command.status === null) return { changed };
  if (draft.state.holds.some((hold) => hold.name === 'operator')) {
    resume(draft, {
      type: 'resume',
      by: command.by,
      reason: command.reason,
      hold: 'operator',
      limits: null,
      model: null,
    });
    changed = true;
  }
  if (draft.state.startedAt === null && draft.state.holds.length === 0) {
    start(draft, command.by);
    changed = true;
  }
  return { changed };
}

/** An end that names no output keeps what was reported before, so a null that clears it goes before the end. */
function clearFields(draft: Draft, command: CommandOf<'report'>): void {
  const { record } = draft.facts;
  const { by, output, summary } = command;
  const cleared = {
    ...(output === null && (record?.output ?? null) !== null ? { output } : {}),
    ...(summary === null && (record?.summary ?? null) !== null ? { summary } : {}),
  };
  if (Object.keys(cleared).length > 0) draft.emit({ type: 'run.updated', data: { by, ...cleared } });
}

/** Logs what is another value than the run has; without the record everything counts as another. */
function reportFields(draft: Draft, command: CommandOf<'report'>): boolean {
  const { output, summary, by, reason } = command;
  // A failure has an error: null names none.
  const error = command.status === 'failed' ? (command.error ?? undefined) : command.error;
  const { record } = draft.facts;
  const fields = {
    ...(isNew(output, record?.output) ? { output } : {}),
    ...(isNew(summary, record?.summary) ? { summary } : {}),
    ...(isNew(error, record?.error) ? { error } : {}),
  };
  if (Object.keys(fields).length === 0) return false;
  draft.emit({ type: 'run.updated', data: { by, ...(reason === null ? {} : { reason }), ...fields } });
  return true;
}

function isNew<T extends Json | RunError>(given: T | undefined, known: T | undefined): given is T {
  if (given === undefined || known === undefined) return given !== undefined;
  return canonicalJson(given as Json) !== canonicalJson(known as Json);
}

function start(draft: Draft, by: Actor): void {
  if (draft.state.startedAt === null) draft.emit({ type: 'run.started', data: { by } });
}

/** A report on a run that has ended: the same status again, or, for an external run, a reopening. */
export function reportEnded(draft: Draft, command: CommandOf<'report'>): Decision {
  const { status } = draft.state;
  if (command.status === null || command.status === status) return { changed: reportFields(draft, command) };
  if (draft.state.mode === 'external' && command.reopen) {
    if (draft.state.sealed !== null) refuse(draft, 'sealed', 'the run is sealed; unseal it first');
    reopenRun(draft, command.by, command.reason, 'report');
    if (command.status === 'running') {
      reportFields(draft, command);
      start(draft, command.by);
      return CHANGED;
    }
    return report(draft, command);
  }
  return refuseTransition(
    `reported ${command.status}`,
    'external runs may be reopened with reopen: true',
  )(draft);
}

export function retry(draft: Draft, command: CommandOf<'retry'>): Decision {
  if (draft.state.sealed !== null) refuse(draft, 'sealed', 'the run is sealed; unseal it first');
  reopenRun(draft, command.by, command.reason, 'retry');
  return CHANGED;
}

/**
 * Opens an ended run again. Calls without a result get one, so that the transcript stays valid; by `retry` those
 * that were not yet decided are done again.
 */
export function reopenRun(
  draft: Draft,
  by: Actor,
  reason: string | null,
  via: 'retry' | 'message' | 'report',
): void {
  const deadlineDropped = hasPassed(draft, draft.state.limits.deadlineAt);
  draft.emit({ type: 'run.reopened', data: { by, reason, via, deadlineDropped } });
  for (const call of [...draft.state.calls]) {
    if (via === 'retry' && call.state !== 'cancelled') continue;
    const interrupted = call.state === 'in_doubt' || call.state === 'running';
    draft.emit({
      type: 'tool.denied',
      data: {
        callId: call.callId,
        tool: call.tool,
        reason: interrupted
          ? 'interrupted: it may have been executed'
          : 'not executed: the run was cancelled',
        by,
        outcome: interrupted ? 'interrupted' : 'cancelled',
      },
    });
  }
}
