import type { OnProviderFailure, RunError } from '@fermata/protocol';
import { retryDelayMs, type StepFailure } from '../../agent/failure.ts';
import type { CommandOf } from '../../engine/commands.ts';
import type { Segment } from '../segment-context.ts';
import { nextFallback } from './fallbacks.ts';

/** One model call, by its place in the run. */
export interface Attempt {
  turn: number;
  attempt: number;
  /** `provider/name` of the model that is called. */
  model: string;
}

/** A failure of the call, or an answer that is not the structured result that the agent promises. */
export type TurnFailure = StepFailure | { kind: 'invalid_output'; message: string };

type Then = CommandOf<'failTurn'>['then'];

/**
 * Commits that an attempt failed and what follows: another attempt after a while, for which it waits here (the same
 * again, or the agent's next fallback), or the end of the run, or a hold. An aborted attempt commits nothing.
 */
export async function failTurn(segment: Segment, tried: Attempt, failure: TurnFailure): Promise<void> {
  if (failure.kind === 'aborted') return;
  segment.failures.count += 1;
  if (failure.kind === 'invalid_output') segment.failures.rejections += 1;
  const error: RunError =
    failure.kind === 'invalid_output'
      ? { code: 'invalid_output', message: failure.message }
      : { code: failure.code, message: failure.message };
  const then = await whatFollows(segment, failure, error);
  const { turn, attempt } = tried;
  const failed = await segment.commit([{ type: 'failTurn', turn, attempt, error, then }]);
  if (failed.kind === 'refused') throw failed.error;
  if (failed.kind !== 'committed' || then.kind !== 'retry' || segment.stop.aborted) return;
  await segment.deps.clock.sleep(then.afterMs, segment.drain);
}

async function whatFollows(
  segment: Segment,
  failure: Exclude<TurnFailure, { kind: 'aborted' }>,
  error: RunError,
): Promise<Then> {
  const { count, rejections } = segment.failures;
  const isAtFallback = segment.log.state.turn.fallback !== undefined;
  switch (failure.kind) {
    case 'invalid_output':
      return rejections < 2 ? { kind: 'retry', afterMs: 0 } : failing(segment, error);
    case 'retryable': {
      const isTriedOnce = isAtFallback && failure.code === 'provider_failed';
      if (!isTriedOnce && count < segment.limits.turnAttempts)
        return { kind: 'retry', afterMs: retryDelayMs(count, failure) };
      const next = failure.code === 'provider_failed' ? fallBack(segment) : null;
      return next ?? (await giveUp(segment, error));
    }
    case 'terminal':
      switch (failure.code) {
        case 'provider_failed':
          return fallBack(segment) ?? (await giveUp(segment, error));
        // At a fallback the provider of the run's own model has failed before.
        case 'provider_not_configured':
        case 'invalid_output':
          return fallBack(segment) ?? (isAtFallback ? await giveUp(segment, error) : failing(segment, error));
        default:
          return failing(segment, error);
      }
  }
}

function fallBack({ agent, log }: Segment): Then | null {
  const next = nextFallback(agent, log.state);
  return next === null ? null : { kind: 'retry', afterMs: next.delayMs, fallback: next.index };
}

/** In a flow the step fails, which knows what may be tried in its place. */
function failing({ step }: Segment, error: RunError): Then {
  return step === null ? { kind: 'fail' } : { kind: 'step', step: step.fails(error) };
}

async function giveUp(segment: Segment, error: RunError): Promise<Then> {
  if (segment.step?.hasFallback === true) return failing(segment, error);
  return (await onProviderFailure(segment)) === 'hold' ? { kind: 'hold' } : failing(segment, error);
}

/** The run's own word goes before its agent's; it stands in its first event. */
async function onProviderFailure({ deps, run, agent }: Segment): Promise<OnProviderFailure> {
  try {
    const [created] = await deps.events.readFrom(run.runId, 0, 1);
    if (created?.type === 'run.created') return created.data.onProviderFailure;
  } catch (error) {
    deps.log.warn({ runId: run.runId, error }, 'the first event could not be read');
  }
  return agent.onProviderFailure ?? 'fail';
}
