import { isJsonObject, type FlowStep, type InputMessage, type TranscriptMessage } from '@fermata/protocol';
import type { Toolbox } from '../../agent/tools/toolbox.ts';
import type { StepState } from '../../engine/flow-state.ts';
import type { FoldedStep } from '../../eventlog/fold-flow.ts';
import { fitOutput } from '../acts/tool-output.ts';
import type { Segment, TurnsStep } from '../segment-context.ts';
import { afterFailure, fallbackAfter } from './after-failure.ts';
import { stepAgent } from './step-agent.ts';
import { endsWith, failsWith, type StepAttempt } from './step-ends.ts';

/**
 * The segment as the acts are to see it that carry out a step: with the step's agent, its tools and its conversation.
 * So a turn and a call in a flow are what they are in a run of an agent.
 */
export function carryingSegment(
  segment: Segment,
  options: { step: FlowStep; state: StepState; record: FoldedStep; tried(): StepAttempt },
): { segment: Segment; toolbox: Toolbox } {
  const { step, state, record } = options;
  const agent = stepAgent(step, record);
  const definition = { ...segment.definition, agent };
  const toolbox = segment.deps.openToolbox({ definition, secrets: segment.secrets });
  const turns = step.type === 'agent' ? turnsOf(segment, step, { ...options, state }) : null;
  const messages = (): TranscriptMessage[] => stepMessages(record, segment.log.messages());
  return { toolbox, segment: { ...segment, agent, definition, toolbox, step: turns, messages } };
}

function turnsOf(
  segment: Segment,
  step: FlowStep & { type: 'agent' },
  { state, record, tried }: { state: StepState; record: FoldedStep; tried(): StepAttempt },
): TurnsStep {
  const fallback = fallbackAfter(step, record.failed);
  return {
    turnsBefore: state.from,
    model: fallback?.type === 'model' ? fallback.model : null,
    ...(step.format === 'json' ? { resultSchema: {} } : {}),
    hasFallback: afterFailure(step, record.failed, 'error').kind === 'retry',
    ends: async (output) => endsWith(tried(), await fitOutput(segment, output), record.unresolved),
    fails: (error) => failsWith(tried(), error),
  };
}

/**
 * What the model of a step reads: what stands in the step's input, messages that no step before has read, and what
 * was said since it began.
 */
function stepMessages(
  { input, seq, since }: FoldedStep,
  messages: readonly TranscriptMessage[],
): TranscriptMessage[] {
  const given = isJsonObject(input) ? input['messages'] : undefined;
  // It was written by the step's beginning.
  const said = (Array.isArray(given) ? given : []) as unknown as InputMessage[];
  const begin = said.map((message): TranscriptMessage => ({
    ...message,
    id: null,
    seq,
    at: '',
    by: null,
    turn: null,
    calls: [],
  }));
  const rest = messages.filter(
    (message) => message.seq > seq || (message.turn === null && message.seq > since),
  );
  return [...begin, ...rest];
}
