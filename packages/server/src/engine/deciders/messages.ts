import type { Actor } from '@fermata/protocol';
import type { CommandOf } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { resume, setModel } from './holds.ts';
import { refuse, refuseTransition, type Decision } from './refuse.ts';
import { reopenRun } from './ending.ts';
import { systemResolution } from './system-resolution.ts';

type Message = CommandOf<'message'>;

/** A message to a run that has not ended and is not waiting: taken in at the next turn boundary. */
export function message(draft: Draft, command: Message): Decision {
  return once(draft, command, () => {
    if (command.onWaiting === 'supersede') supersedeWaits(draft, command.by, command.messageId);
    append(draft, command);
    if (command.resume && draft.state.holds.length > 0) {
      resume(draft, {
        type: 'resume',
        by: command.by,
        reason: command.reason,
        hold: null,
        limits: null,
        model: null,
      });
    }
  });
}

/** A message to a run that waits must say what becomes of what it waits for. */
export function messageWaiting(draft: Draft, command: Message): Decision {
  return once(draft, command, () => {
    if (command.onWaiting === null) {
      refuse(draft, 'waits_open', 'the run waits; say onWaiting: queue or supersede, or answer its waits');
    }
    if (command.onWaiting === 'supersede') supersedeWaits(draft, command.by, command.messageId);
    append(draft, command);
  });
}

export function messageEnded(draft: Draft, command: Message): Decision {
  return once(draft, command, () => {
    if (!command.reopen) refuseTransition('sent a message', 'say reopen: true, or start another run')(draft);
    reopenRun(draft, command.by, command.reason, 'message');
    append(draft, command);
  });
}

/** The client's own message id makes a repeat change nothing. */
function once(draft: Draft, command: Message, act: () => void): Decision {
  const known =
    command.messageId === null ? undefined : draft.facts.known.get(`message:${command.messageId}`);
  if (known !== undefined) return { changed: false, seq: known };
  if (draft.state.sealed !== null) refuse(draft, 'sealed', 'the run is sealed; unseal it first');
  act();
  const received = draft.events.findLast((event) => event.type === 'message.received');
  return { changed: true, seq: received?.seq ?? draft.state.head };
}

function append(draft: Draft, command: Message): void {
  setModel(draft, command);
  draft.emit({
    type: 'message.received',
    data: { messageId: command.messageId, role: command.role, parts: command.parts, by: command.by },
  });
}

/** Closes what the run waits for, because a message takes its place. */
export function supersedeWaits(draft: Draft, by: Actor, messageId: string | null): void {
  if (draft.state.waits.some((wait) => wait.kind === 'in_doubt')) {
    refuse(draft, 'waits_open', 'a call is in doubt; say what became of it first');
  }
  for (const wait of [...draft.state.waits]) {
    const fires = wait.kind === 'timer';
    const resolution = systemResolution(draft, wait, {
      outcome: fires ? 'fire' : 'superseded',
      value: fires ? { firedAt: draft.now } : null,
      reason: messageId === null ? 'superseded by a message' : `superseded by message ${messageId}`,
      by,
    });
    const data = { waitId: wait.id, callId: wait.callId, resolution };
    draft.emit(fires ? { type: 'wait.resolved', data } : { type: 'wait.superseded', data });
    if (wait.callId === null || wait.tool === null) continue;
    if (fires) {
      draft.emit({
        type: 'tool.completed',
        data: { callId: wait.callId, tool: wait.tool, output: { firedAt: draft.now }, by },
      });
    } else {
      draft.emit({
        type: 'tool.denied',
        data: {
          callId: wait.callId,
          tool: wait.tool,
          reason: 'not executed: superseded by a message',
          by,
          outcome: 'superseded',
        },
      });
    }
  }
}
