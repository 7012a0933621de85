import { systemActor } from '@fermata/protocol';
import { mergeLimits } from '../apply.ts';
import type { CommandOf } from '../commands.ts';
import { canonicalJson, type Json, type JsonObject } from '@fermata/protocol';
import type { Draft } from '../draft.ts';
import type { WaitState } from '../state.ts';
import { refuseClosed, resolveWait } from './answers.ts';
import { CHANGED, UNCHANGED, refuse, stale, type Decision } from './refuse.ts';
import { exhaustLimit, isReached } from './limits.ts';
import { systemResolution } from './system-resolution.ts';

/** Title, metadata, limits, seal: accepted in every status. What is so already is not logged again. */
export function update(draft: Draft, command: CommandOf<'update'>): Decision {
  const { state, facts } = draft;
  const { title, limits, sealed, by, reason } = command;
  const metadata = metadataPatch(facts.record?.metadata ?? {}, command);
  const changes = {
    ...(title === undefined || title === facts.record?.title ? {} : { title }),
    ...(metadata === undefined || isMerged(facts.record?.metadata ?? {}, metadata) ? {} : { metadata }),
    ...(limits === undefined || same(mergeLimits(state.limits, limits), state.limits) ? {} : { limits }),
    ...(sealed === undefined || sealed === (state.sealed !== null) ? {} : { sealed }),
  };
  if (Object.keys(changes).length === 0) return UNCHANGED;
  draft.emit({ type: 'run.updated', data: { by, reason, ...changes } });
  return CHANGED;
}

/** A replacement as the merge patch that brings it about. */
function metadataPatch(
  known: JsonObject,
  { metadata, replacesMetadata }: CommandOf<'update'>,
): JsonObject | undefined {
  if (metadata === undefined || replacesMetadata !== true) return metadata;
  const gone = Object.keys(known).filter((key) => !Object.hasOwn(metadata, key));
  return Object.fromEntries([...gone.map((key) => [key, null] as const), ...Object.entries(metadata)]);
}

function same(a: Json | object, b: Json | object): boolean {
  return canonicalJson(a as Json) === canonicalJson(b as Json);
}

/** The merge patch (by key, null removes) has nothing to do. */
function isMerged(metadata: { [key: string]: Json }, patch: { [key: string]: Json }): boolean {
  return Object.entries(patch).every(([key, value]) =>
    value === null
      ? !Object.hasOwn(metadata, key)
      : Object.hasOwn(metadata, key) && same(metadata[key] ?? null, value),
  );
}

export function note(draft: Draft, command: CommandOf<'note'>): Decision {
  const { key } = command.note;
  const known = key === null ? undefined : draft.facts.known.get(`note:${key}`);
  if (known !== undefined) return { changed: false, seq: known };
  return { changed: true, seq: draft.emit({ type: 'note.logged', data: command.note }).seq };
}

function openWait(draft: Draft, waitId: string): WaitState {
  const wait = draft.state.waits.find((open) => open.id === waitId);
  if (wait !== undefined) return wait;
  const closed = draft.facts.closed.find((decided) => decided.id === waitId);
  if (closed === undefined) refuse(draft, 'not_found', 'there is no such wait');
  refuseClosed(draft, closed.resolution);
}

export function assign(draft: Draft, command: CommandOf<'assign'>): Decision {
  const wait = openWait(draft, command.waitId);
  if (wait.assignee === command.assignee) return UNCHANGED;
  draft.emit({
    type: 'wait.assigned',
    data: { waitId: wait.id, assignee: command.assignee, by: command.by },
  });
  return CHANGED;
}

export function snooze(draft: Draft, command: CommandOf<'snooze'>): Decision {
  const wait = openWait(draft, command.waitId);
  if ((wait.snoozedUntil ?? null) === command.until) return UNCHANGED;
  draft.emit({ type: 'wait.snoozed', data: { waitId: wait.id, until: command.until, by: command.by } });
  return CHANGED;
}

/** Decided under the lock: whoever saw the limit reached may have seen it before it was raised. */
export function exhaust(draft: Draft, command: CommandOf<'exhaust'>): Decision {
  const { state } = draft;
  if (!isReached(draft, command.limit)) return UNCHANGED;
  const before = state.head;
  exhaustLimit(draft, command.limit);
  return { changed: state.head !== before };
}

export function lateOutcome(draft: Draft, command: CommandOf<'lateOutcome'>): Decision {
  const { callId, tool, outcome } = command;
  const wait = draft.state.waits.find((open) => open.callId === callId && open.kind === 'in_doubt');
  const by = systemActor('driver');
  if (wait === undefined) {
    if ('output' in outcome) {
      draft.emit({
        type: 'tool.completed',
        data: { callId, tool, output: outcome.output, by: null, late: true },
      });
    } else {
      draft.emit({ type: 'tool.failed', data: { callId, tool, error: outcome.error, by: null, late: true } });
    }
    return CHANGED;
  }
  const failed = 'error' in outcome;
  const value = failed ? outcome.error.message : outcome.output;
  const reason = 'the outcome came late';
  resolveWait(
    draft,
    wait,
    systemResolution(draft, wait, { outcome: failed ? 'error' : 'done', value, reason, by }),
  );
  return CHANGED;
}

/** The driver's own commands on a run that no longer wants them. */
export function late(draft: Draft, command: { type: string }): never {
  return stale(draft, `${command.type} of a run that is ${draft.state.status}`);
}
