import type { RunEvent } from '@fermata/protocol';
import type { Command } from '../engine/commands.ts';
import type { CommitPort } from '../engine/commit.ts';
import { EngineError, Fenced } from '../engine/errors.ts';
import { UnknownEvent } from '../eventlog/known-event.ts';
import type { SegmentLog } from './segment-log.ts';
import type { ClaimedRun, SegmentClock } from './segment-ports.ts';

/**
 * How a commit of a segment ended. `stale`: the run has moved on, and the log shows it now. `over`: the run is no
 * longer this segment's. `refused`: this will not be accepted, however often it is asked.
 */
export type SegmentCommitOutcome =
  { kind: 'committed' } | { kind: 'stale' } | { kind: 'over' } | { kind: 'refused'; error: Error };

export type SegmentCommit = (commands: Command[]) => Promise<SegmentCommitOutcome>;

export interface SegmentCommitOptions {
  committer: CommitPort;
  claimed: ClaimedRun;
  log: SegmentLog;
  clock: SegmentClock;
  /** The segment must stop: no commit is tried again after it fires. */
  signal: AbortSignal;
  isOver(): boolean;
  /** The run is no longer this segment's. */
  onOver(): void;
}

const FIRST_DELAY_MS = 100;
const LAST_DELAY_MS = 2_000;

/**
 * Commits in the name of the segment's epoch and claim, and takes in what was appended. While the database cannot
 * be reached it tries again, as long as the claim holds; a commit whose outcome got lost is looked up in the log
 * first, so that nothing is committed twice. Rejects only with `UnknownEvent`.
 */
export function createSegmentCommit(options: SegmentCommitOptions): SegmentCommit {
  const { committer, claimed, log, clock, signal } = options;
  const segment = { epoch: claimed.epoch, claim: claimed.claim };

  async function once(commands: Command[]): Promise<SegmentCommitOutcome> {
    try {
      const result = await committer.commit({
        runId: claimed.runId,
        organizationId: null,
        commands,
        segment,
      });
      if (result.dispatch.claim !== claimed.claim || result.dispatch.epoch !== claimed.epoch)
        options.onOver();
      await takeIn(() => log.ingestCommit(result));
      return { kind: 'committed' };
    } catch (error) {
      return verdictOn(error);
    }
  }

  function verdictOn(error: unknown): SegmentCommitOutcome {
    if (error instanceof UnknownEvent) throw error;
    if (error instanceof Fenced || isRunGone(error)) {
      options.onOver();
      return { kind: 'over' };
    }
    if (error instanceof EngineError && error.code === 'invalid_transition') return { kind: 'stale' };
    return { kind: 'refused', error: error instanceof Error ? error : new Error(String(error)) };
  }

  /** The commit is durable: what it appended is read until it has been read. */
  async function takeIn(read: () => Promise<void>): Promise<void> {
    for (let delayMs = FIRST_DELAY_MS; ; delayMs = nextDelay(delayMs)) {
      try {
        return await read();
      } catch (error) {
        if (!isUnavailable(error) || signal.aborted) throw error;
        await clock.sleep(delayMs, signal);
      }
    }
  }

  return async function commit(commands) {
    if (options.isOver()) return { kind: 'over' };
    const recorder = log.record();
    try {
      for (let delayMs = FIRST_DELAY_MS; ; delayMs = nextDelay(delayMs)) {
        const outcome = await once(commands);
        const isLost = outcome.kind === 'refused' && isUnavailable(outcome.error);
        if (outcome.kind !== 'stale' && !isLost) return outcome;
        if (isLost) await clock.sleep(delayMs, signal);
        const isRead = await look();
        // A commit whose reply was lost looks stale when it is tried again, or has ended this segment.
        if (tookEffect(commands, recorder.events)) return { kind: 'committed' };
        if (options.isOver()) return { kind: 'over' };
        if (outcome.kind === 'stale' && isRead) return outcome;
        if (signal.aborted) return outcome;
      }
    } finally {
      recorder.stop();
    }
  };

  async function look(): Promise<boolean> {
    try {
      await log.ingestForeign(null);
      return true;
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      return false;
    }
  }
}

function nextDelay(delayMs: number): number {
  return Math.min(LAST_DELAY_MS, delayMs * 2);
}

/** A refusal of something else that is not there tells the status of the run, which is. */
function isRunGone(error: unknown): boolean {
  return (
    error instanceof EngineError && error.code === 'not_found' && error.details.currentStatus === undefined
  );
}

function isUnavailable(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'unavailable';
}

/** Whether the events hold what the commands would append; a commit is all or none, so one of them tells. */
function tookEffect(commands: readonly Command[], events: readonly RunEvent[]): boolean {
  const command = commands.findLast((candidate) => candidate.type !== 'delta') ?? commands[0];
  return command !== undefined && events.some((event) => isEffect(command, event));
}

function isEffect(command: Command, event: RunEvent): boolean {
  switch (command.type) {
    case 'startTurn':
      return event.type === 'turn.started' && isSameAttempt(command, event.data);
    case 'delta':
      return event.type === 'message.delta' && isSameAttempt(command, event.data);
    case 'completeTurn':
      return event.type === 'message.completed' && isSameAttempt(command, event.data);
    case 'failTurn':
      return event.type === 'turn.failed' && isSameAttempt(command, event.data);
    case 'startCall':
      return event.type === 'tool.started' && event.data.callId === command.callId;
    case 'completeCall':
      return event.type === 'tool.completed' && event.data.callId === command.callId;
    case 'failCall':
      return event.type === 'tool.failed' && event.data.callId === command.callId;
    case 'openWaits':
      return event.type === 'wait.opened' && command.waits.some((wait) => wait.id === event.data.id);
    case 'delegate':
      return event.type === 'wait.opened' && command.wait.id === event.data.id;
    case 'startStep':
      return (
        event.type === 'step.started' &&
        event.data.stepId === command.stepId &&
        event.data.attempt === command.attempt
      );
    case 'completeStep':
      return event.type === 'step.completed' && event.data.stepId === command.stepId;
    case 'skipStep':
      return event.type === 'step.skipped' && event.data.stepId === command.stepId;
    case 'failStep':
      return (
        event.type === 'step.failed' &&
        event.data.stepId === command.stepId &&
        event.data.attempt === command.attempt
      );
    case 'finish':
      return event.type === 'run.succeeded';
    case 'fail':
      return event.type === 'run.failed';
    case 'giveBack':
      return event.type === 'segment.returned';
    default:
      return false;
  }
}

function isSameAttempt(
  command: { turn: number; attempt: number },
  data: { turn: number; attempt: number },
): boolean {
  return command.turn === data.turn && command.attempt === data.attempt;
}
