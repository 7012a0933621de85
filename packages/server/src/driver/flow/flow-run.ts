import { isJsonObject, type FlowStep, type JsonObject, type RunFlow } from '@fermata/protocol';
import { evaluateCondition, type FlowResult } from '../../agent/flow/sandbox.ts';
import type { Toolbox } from '../../agent/tools/toolbox.ts';
import type { Command } from '../../engine/commands.ts';
import { EngineError } from '../../engine/errors.ts';
import { findStep } from '../../engine/flow-path.ts';
import type { StepState } from '../../engine/flow-state.ts';
import type { FoldedFlow, FoldedStep } from '../../eventlog/fold-flow.ts';
import { crashPoint } from '../../observe/crash-point.ts';
import { fitOutput, loadOutput } from '../acts/tool-output.ts';
import { lastAssistantText, outputOf } from '../acts/run-output.ts';
import type { Segment } from '../segment-context.ts';
import { beginRound, beginStep, type Beginning } from './begin-step.ts';
import { answerOf, callResult, type CallResult } from './call-result.ts';
import { flowVariables } from './flow-variables.ts';
import { SLEEP_TOOL } from './step-agent.ts';
import { endsWith, failsWith, flowOutput, type StepAttempt } from './step-ends.ts';
import { carryingSegment } from './step-segment.ts';

/** A run's flow for one segment. */
export interface FlowRun extends AsyncDisposable {
  /** Ends the step that was begun when it has its result, or begins the next. Commits once. */
  advance(): Promise<void>;
  /** The segment as the turns or the call of the step that was begun are to see it. */
  carrier(): Segment;
}

/** A step that was begun, as the log has it. */
interface Begun {
  step: FlowStep;
  state: StepState;
  record: FoldedStep;
}

export function createFlowRun(segment: Segment, flow: RunFlow): FlowRun {
  const { deps, log, stop, drain } = segment;
  let carried: { key: string; segment: Segment; toolbox: Toolbox } | null = null;
  const closing: Promise<void>[] = [];

  function folded(): FoldedFlow {
    const { flow: fold } = log.transcript;
    if (fold === null) throw new Error('the log has no flow');
    return fold;
  }

  function recordOf(stepId: string): FoldedStep | undefined {
    return folded().steps.find(({ id }) => id === stepId);
  }

  function stepOf(stepId: string): FlowStep {
    const step = findStep(flow.steps, stepId);
    if (step === null) throw new Error(`the flow has no step ${stepId}`);
    return step;
  }

  function begun(): Begun | null {
    const state = log.state.flow?.step ?? null;
    if (state === null || state.phase === 'failed' || state.phase === 'own') return null;
    const record = recordOf(state.id);
    if (record === undefined) throw new Error(`the log has no step ${state.id}`);
    return { step: stepOf(state.id), state, record };
  }

  function attemptAt(step: FlowStep, attempt: number): StepAttempt {
    return { flow, folded: folded(), step, attempt, failed: recordOf(step.id)?.failed ?? 0 };
  }

  async function beginning(step: FlowStep, attempt: number, isGuarded = false): Promise<Beginning> {
    return {
      ...attemptAt(step, attempt),
      isGuarded,
      variables: await variables(),
      nowMs: deps.clock.now(),
      signal: stop,
      fit: (output) => fitOutput(segment, output),
    };
  }

  /** What was too big for the log is loaded, so that a step sees all of what another gave. */
  async function variables(): Promise<JsonObject> {
    const known = flowVariables(segment.definition, flow, log.transcript);
    for (const { output } of folded().steps) {
      const isPut = isJsonObject(output) && output['truncated'] === true;
      if (!isPut) continue;
      const whole = await loadOutput(segment, output);
      for (const [name, value] of Object.entries(known)) if (value === output) known[name] = whole;
    }
    return known;
  }

  async function commit(commands: Command[], instead: (message: string) => Command[]): Promise<void> {
    if (commands.length === 0) return;
    const outcome = await segment.commit(commands);
    if (outcome.kind !== 'refused') return;
    const { error } = outcome;
    const isItsFault = error instanceof EngineError && error.code === 'payload_too_large';
    if (!isItsFault) throw error;
    const failed = await segment.commit(instead(error.message));
    if (failed.kind === 'refused') throw failed.error;
  }

  async function begin(stepId: string, attempt: number, isGuarded = false): Promise<void> {
    const step = stepOf(stepId);
    const retryAt = recordOf(stepId)?.retryAt ?? null;
    const waitMs = retryAt === null ? 0 : Date.parse(retryAt) - deps.clock.now();
    if (waitMs > 0) await deps.clock.sleep(waitMs, drain);
    if (drain.aborted) return;
    const tried = await beginning(step, attempt, isGuarded);
    await commit(await beginStep(tried), (message) => [
      {
        type: 'startStep',
        stepId,
        attempt,
        input: null,
        work: { kind: 'own', then: [failsWith(tried, { code: 'result_too_large', message })] },
      },
    ]);
  }

  /** What the turns or the call have come to. */
  async function end({ step, state, record }: Begun): Promise<void> {
    const tried = attemptAt(step, state.attempt);
    const result = state.phase === 'turns' ? answered() : await called(step, record);
    switch (result.kind) {
      case 'undone':
        await begin(step.id, state.attempt + 1);
        return;
      case 'error':
        await endWith([failsWith(tried, result.error)], tried);
        return;
      case 'output': {
        if (step.type === 'wait' && step.poll !== undefined) return await afterRound(step, tried, result);
        const output = step.type === 'wait' ? null : await fitOutput(segment, result.output);
        await endWith(endsWith(tried, output, record.unresolved), tried);
      }
    }
  }

  async function endWith(commands: Command[], tried: StepAttempt): Promise<void> {
    await commit(commands, (message) => [failsWith(tried, { code: 'result_too_large', message })]);
  }

  /** The last answer, when something stood in the way of ending the step with it. */
  function answered(): CallResult {
    const { messages, step: turns, agent } = carrier();
    const own = messages().filter((message) => message.turn !== null);
    const result = outputOf(lastAssistantText(own), agent.output ?? turns?.resultSchema);
    if (result.ok) return { kind: 'output', output: result.output };
    return { kind: 'error', error: { code: 'invalid_output', message: result.problem } };
  }

  async function called(step: FlowStep, { call }: FoldedStep): Promise<CallResult> {
    if (call === null) return { kind: 'undone' };
    const result = callResult(call);
    if (result.kind === 'error' && step.type === 'wait' && step.poll !== undefined) {
      // Who cannot answer yet is asked again.
      return { kind: 'output', output: null };
    }
    if (result.kind !== 'output') return result;
    const output = await loadOutput(segment, result.output);
    return step.type === 'http' ? answerOf(step, output) : { kind: 'output', output };
  }

  /** A poll has been answered, or the time between two requests has passed. */
  async function afterRound(
    step: FlowStep & { type: 'wait' },
    tried: StepAttempt,
    { output }: CallResult & { kind: 'output' },
  ): Promise<void> {
    const { poll } = step;
    const record = recordOf(step.id);
    const number = isJsonObject(record?.input ?? null) ? Number((record?.input as JsonObject)['poll']) : 0;
    if (poll === undefined) return;
    const next = await beginning(step, tried.attempt + 1);
    if (record?.call?.tool === SLEEP_TOOL) {
      await endWith(await beginRound(next, step, { number, intervalMs: null }), tried);
      return;
    }
    const known = { ...next.variables, response: output };
    const checked: FlowResult =
      record?.call?.state === 'completed'
        ? await evaluateCondition(poll.success, known, { signal: stop })
        : { ok: true, value: false };
    if (stop.aborted) return;
    if (!checked.ok) return await endWith([failsWith(tried, checked.error)], tried);
    if (checked.value === true || number >= poll.maxAttempts) {
      const isLate = checked.value !== true && step.onTimeout !== 'continue';
      const error = { code: 'timed_out', message: `there was no success in ${number} requests` };
      const kept = output === null ? null : await fitOutput(segment, output);
      const ends = isLate ? [failsWith(tried, error)] : endsWith(tried, kept, record?.unresolved ?? []);
      return await endWith(ends, tried);
    }
    await endWith(await beginRound(next, step, { number, intervalMs: poll.intervalMs }), tried);
  }

  /** Begins what comes next, or ends the run where nothing does. */
  async function goOn(): Promise<void> {
    const at = log.state.flow;
    if (at === undefined) throw new Error('the run has no flow');
    const { step, next } = at;
    if (next !== null) {
      const isGuarded = (recordOf(next)?.failed ?? 0) === 0;
      return await begin(next, (step?.attempt ?? 0) + 1, isGuarded);
    }
    const outcome = await segment.commit([{ type: 'finish', output: flowOutput(flow, folded()) }]);
    if (outcome.kind === 'refused') throw outcome.error;
  }

  function carrier(): Segment {
    const now = begun();
    if (now === null) throw new Error('no step of the flow is under way');
    const { step, state, record } = now;
    const key = `${step.id}/${state.attempt}`;
    if (carried?.key === key) return carried.segment;
    release();
    carried = {
      key,
      ...carryingSegment(segment, { step, state, record, tried: () => attemptAt(step, state.attempt) }),
    };
    return carried.segment;
  }

  function release(): void {
    if (carried !== null) closing.push(Promise.resolve(carried.toolbox[Symbol.asyncDispose]()));
    carried = null;
  }

  return {
    carrier,
    async advance() {
      crashPoint('before-step');
      const now = begun();
      await (now === null ? goOn() : end(now));
      crashPoint('after-step');
    },
    async [Symbol.asyncDispose]() {
      release();
      await Promise.all(closing);
    },
  };
}
