import type { RunStatus } from '@fermata/protocol';
import type { CommandOf, CommandType } from './commands.ts';
import { answer, answerEnded } from './deciders/answers.ts';
import { branch } from './deciders/branch.ts';
import * as driving from './deciders/driving.ts';
import * as flow from './deciders/flow.ts';
import { cancel, report, reportEnded, retry } from './deciders/ending.ts';
import { pause, resume } from './deciders/holds.ts';
import { expire } from './deciders/ladder.ts';
import { message, messageEnded, messageWaiting } from './deciders/messages.ts';
import { plan } from './deciders/planning.ts';
import { UNCHANGED, refuseTransition, stale, type Decision } from './deciders/refuse.ts';
import * as tree from './deciders/tree.ts';
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

/** Steps of a run that the server drives; an external run has no segment. */
function managed<C extends CommandType>(decider: Decider<C>): Decider<C> {
  return (draft, command) => {
    if (draft.state.mode === 'external') stale(draft, `${command.type} of an external run`);
    return decider(draft, command);
  };
}

/** Live is only a run whose statuses allow a step; in the others the driver has come too late. */
function step<C extends CommandType>(decider: Decider<C>, ...statuses: RunStatus[]): Row<C> {
  const guarded = managed(decider);
  return row<C>(
    late,
    late,
    Object.fromEntries(statuses.map((status) => [status, guarded])) as Partial<Row<C>>,
  );
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
  answer: row(answer, answerEnded),
  message: row(message, messageEnded, { waiting: messageWaiting }),
  report: row(report, reportEnded),
  retry: row(notRetried, notRetried, { failed: retry }),
  cancel: row(cancel, notCancelled, { cancelled: unchanged }),
  update: row(upkeep.update, upkeep.update),
  note: row(upkeep.note, upkeep.note),
  plan: row(plan, plan),
  assign: row(upkeep.assign, upkeep.assign),
  snooze: row(upkeep.snooze, upkeep.snooze),
  expire: row(expire, unchanged),
  exhaust: row(upkeep.exhaust, unchanged),
  branch: row(branch, upkeep.late),
  lateOutcome: row(upkeep.lateOutcome, upkeep.lateOutcome),
  treeHold: row(tree.treeHold, unchanged),
  treeRelease: row(tree.treeRelease, unchanged),
  treeCancel: row(tree.treeCancel, unchanged),
  childChanged: row(tree.childChanged, tree.childChanged),
  childFinished: row(tree.childFinished, tree.childFinished),

  claim: step(driving.claim, 'queued', 'running', 'pausing'),
  startTurn: step(driving.startTurn, 'running'),
  delta: step(driving.delta, 'running', 'pausing'),
  completeTurn: step(driving.completeTurn, 'running', 'pausing'),
  failTurn: step(driving.failTurn, 'running', 'pausing'),
  startStep: step(flow.startStep, 'running'),
  completeStep: step(flow.completeStep, 'running'),
  skipStep: step(flow.skipStep, 'running'),
  failStep: step(flow.failStep, 'running'),
  startCall: step(driving.startCall, 'running'),
  completeCall: step(driving.completeCall, 'running', 'pausing'),
  failCall: step(driving.failCall, 'running', 'pausing'),
  openWaits: step(driving.openWaits, 'running', 'pausing'),
  delegate: step(tree.delegate, 'running', 'pausing'),
  finish: step(driving.finish, 'running'),
  fail: step(driving.failByDriver, 'queued', 'running', 'pausing', 'paused', 'waiting'),
  giveBack: row(driving.giveBack, late),
  adopt: row(driving.adopt, unchanged),
};
