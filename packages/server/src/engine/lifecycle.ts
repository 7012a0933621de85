import type { RunStatus } from '@fermata/protocol';
import type { CommandOf, CommandType } from './commands.ts';
import { answer } from './deciders/answers.ts';
import { branch } from './deciders/branch.ts';
import * as driving from './deciders/driving.ts';
import { cancel, report, reportEnded, retry } from './deciders/ending.ts';
import { pause, resume } from './deciders/holds.ts';
import { message, messageEnded, messageWaiting } from './deciders/messages.ts';
import { UNCHANGED, refuseTransition, type Decision } from './deciders/refuse.ts';
import * as upkeep from './deciders/upkeep.ts';
import type { Draft } from './draft.ts';

export type Decider<C extends CommandType> = (draft: Draft, command: CommandOf<C>) => Decision;
type Row<C extends CommandType> = Record<RunStatus, Decider<C>>;

/** One decider for the statuses of a run that has not ended, one for those of a run that has. */
function row<C extends CommandType>(
  live: Decider<C>,
  ended: Decider<C>,
  other: Partial<Row<C>> = {},
): Row<C> {
  return {
    queued: live,
    running: live,
    pausing: live,
    paused: live,
    waiting: live,
    succeeded: ended,
    failed: ended,
    cancelled: ended,
    ...other,
  };
}

function unchanged(): Decision {
  return UNCHANGED;
}

const ended = 'it has ended; start or fork another run, or reopen it with a message';
const notPaused = refuseTransition('paused', ended);
const notResumed = refuseTransition('resumed', ended);
const notRetried = refuseTransition('retried', 'only a failed run can be retried');
const notCancelled = refuseTransition('cancelled', 'it has ended already');
const late = upkeep.late;

/**
 * The whole lifecycle: what each command does in each status (design section 3). Total by its type: a new status
 * or command does not compile until it has an answer here.
 */
export const LIFECYCLE: { [C in CommandType]: Row<C> } = {
  pause: row(pause, notPaused),
  resume: row(resume, notResumed),
  answer: row(answer, answer),
  message: row(message, messageEnded, { waiting: messageWaiting }),
  report: row(report, reportEnded),
  retry: row(notRetried, notRetried, { failed: retry }),
  cancel: row(cancel, notCancelled, { cancelled: unchanged }),
  update: row(upkeep.update, upkeep.update),
  note: row(upkeep.note, upkeep.note),
  plan: row(upkeep.plan, upkeep.plan),
  assign: row(upkeep.assign, upkeep.assign),
  snooze: row(upkeep.snooze, upkeep.snooze),
  expire: row(upkeep.expire, unchanged),
  exhaust: row(upkeep.exhaust, unchanged),
  branch: row(branch, upkeep.late),
  lateOutcome: row(upkeep.lateOutcome, upkeep.lateOutcome),
  childChanged: row(upkeep.childChanged, upkeep.childChanged),
  childFinished: row(upkeep.childFinished, upkeep.childFinished),

  claim: row(driving.claim, late, { paused: late, waiting: late }),
  startTurn: row(late, late, { running: driving.startTurn }),
  delta: row(late, late, { running: driving.delta, pausing: driving.delta }),
  completeTurn: row(late, late, { running: driving.completeTurn, pausing: driving.completeTurn }),
  failTurn: row(late, late, { running: driving.failTurn, pausing: driving.failTurn }),
  startCall: row(late, late, { running: driving.startCall }),
  completeCall: row(late, late, { running: driving.completeCall, pausing: driving.completeCall }),
  failCall: row(late, late, { running: driving.failCall, pausing: driving.failCall }),
  openWaits: row(late, late, { running: driving.openWaits, pausing: driving.openWaits }),
  finish: row(late, late, { running: driving.finish }),
  fail: row(driving.failByDriver, late),
  giveBack: row(driving.giveBack, late),
  adopt: row(driving.adopt, unchanged),
};
