import { answerBodySchema, systemActor, type DeadlineStep } from '@fermata/protocol';
import type { CommandOf } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { dueAfterNext } from '../ladder.ts';
import type { WaitState } from '../state.ts';
import { kindOfAnswer, resolutionOf, resolveWait } from './answers.ts';
import { hasPassed } from './limits.ts';
import { CHANGED, UNCHANGED, type Decision } from './refuse.ts';
import { failRun, fence } from './settle.ts';
import { systemResolution } from './system-resolution.ts';

const DEADLINE = systemActor('deadline');

/**
 * What is due by the clock: a timer fires, any other wait takes the next step of its ladder. The sweep names the
 * deadline it saw, so that two sweepers are harmless.
 */
export function expire(draft: Draft, command: CommandOf<'expire'>): Decision {
  const wait = draft.state.waits.find((open) => open.id === command.waitId);
  if (wait === undefined || wait.deadlineAt === null || !hasPassed(draft, wait.deadlineAt)) return UNCHANGED;
  const expected = command.expectedDeadlineAt;
  if (expected !== null && Date.parse(expected) !== Date.parse(wait.deadlineAt)) return UNCHANGED;
  if (wait.kind === 'timer') {
    resolveWait(
      draft,
      wait,
      systemResolution(draft, wait, { outcome: 'fire', reason: null, by: command.by }),
    );
    return CHANGED;
  }
  const step = wait.ladder?.steps[wait.ladder.next];
  // A wait that was opened before ladders were kept has its expiry alone.
  if (step === undefined) return expireWait(draft, wait, command);
  const ends = step.decide !== undefined || step.expire === true;
  if (!ends || step.notify !== undefined || step.assign !== undefined) {
    escalate(draft, wait, wait.deadlineAt, step);
  }
  if (step.decide !== undefined) return decideInTime(draft, wait, command, step);
  return step.expire === true ? expireWait(draft, wait, command) : CHANGED;
}

/** `notify` is told by the event itself: webhooks and consoles that listen to it pass it on. */
function escalate(draft: Draft, wait: WaitState, deadlineAt: string, step: DeadlineStep): void {
  const { notify, assign } = step;
  const { ladder } = wait;
  if (ladder === undefined) return;
  const waitId = wait.id;
  const isAssigned = wait.assignee === assign;
  draft.emit({
    type: 'wait.escalated',
    data: {
      waitId,
      step: ladder.next,
      action: { ...(notify === undefined ? {} : { notify }), ...(assign === undefined ? {} : { assign }) },
      deadlineAt: dueAfterNext(ladder, deadlineAt),
      by: DEADLINE,
    },
  });
  if (assign === undefined || isAssigned) return;
  draft.emit({ type: 'wait.assigned', data: { waitId, assignee: assign, by: DEADLINE } });
}

/** The ladder's own answer: whoever wrote the agent has decided, so approvers are not asked and no digest is named. */
function decideInTime(
  draft: Draft,
  wait: WaitState,
  command: CommandOf<'expire'>,
  { decide, after }: DeadlineStep,
): Decision {
  const given = answerBodySchema.safeParse(decide);
  if (!given.success || kindOfAnswer(given.data) !== wait.kind) return expireWait(draft, wait, command);
  const reason = given.data.reason ?? `decided by the deadline: nobody answered within ${after} s`;
  const answer = { ...given.data, reason };
  delete answer.digest;
  resolveWait(draft, wait, resolutionOf(draft, wait, answer, { by: DEADLINE, via: 'system' }));
  return CHANGED;
}

/** Nobody answered: the call gets a result that says so, and the model goes on; or the run fails. */
function expireWait(draft: Draft, wait: WaitState, command: CommandOf<'expire'>): Decision {
  const { callId, tool, onExpire } = wait;
  const resolution = systemResolution(draft, wait, {
    outcome: 'expired',
    reason: 'nobody answered in time',
    by: command.by,
  });
  draft.emit({ type: 'wait.expired', data: { waitId: wait.id, callId, resolution } });
  if (callId !== null && tool !== null) {
    const isDoubt = wait.kind === 'in_doubt';
    const reason = isDoubt ? 'nobody answered in time; it may have been executed' : 'nobody answered in time';
    const outcome = isDoubt ? 'interrupted' : 'expired';
    draft.emit({ type: 'tool.denied', data: { callId, tool, reason, by: command.by, outcome } });
  }
  if (onExpire === 'fail') {
    fence(draft, 'failed');
    failRun(draft, DEADLINE, { code: 'timed_out', message: 'nobody answered in time' });
  }
  return CHANGED;
}
