import {
  storable,
  textOf,
  type Json,
  type JsonObject,
  type Part,
  type ToolCall,
  type TranscriptMessage,
} from '@fermata/protocol';
import type { StepFailure } from '../../agent/failure.ts';
import type { ModelAnswer } from '../../agent/models/model-request.ts';
import type { ResolvedTool } from '../../agent/tools/resolved-tool.ts';
import type { Command, CommandOf } from '../../engine/commands.ts';
import type { Segment } from '../segment-context.ts';
import { failTurn, type Attempt } from './failed-turn.ts';
import { uncalledTool } from './must-call.ts';
import { lastAssistantText, outputOf } from './run-output.ts';

/**
 * Commits an answer, which ends the run with its result when nothing is left to do. `first` stands before it in the
 * same commit. An answer that is no valid result, or cannot be kept, fails the turn.
 */
export async function completeTurn(
  segment: Segment,
  tried: Attempt,
  told: { answer: ModelAnswer; tools: readonly ResolvedTool[]; first: readonly Command[] },
): Promise<void> {
  const answer = storableAnswer(told.answer);
  if (answer === null) return await failTurn(segment, tried, unstorable('is nested too deeply'));
  const { state, transcript } = segment.log;
  const text = textOf(answer.parts);
  const isLast =
    answer.toolCalls.length === 0 &&
    uncalledTool({ state, calls: transcript.calls, tools: told.tools }) === null;
  const { step } = segment;
  const result = outputOf(
    text === '' ? lastAssistantText(ownMessages(segment)) : text,
    resultSchemaOf(segment),
  );
  if (isLast && !result.ok) {
    segment.failures.rejected = { text, problem: result.problem };
    return await failTurn(segment, tried, { kind: 'invalid_output', message: result.problem });
  }
  const output = isLast && result.ok ? result.output : null;
  const then = step === null || output === null ? {} : { then: await step.ends(output) };
  const completed = await segment.commit([
    ...told.first,
    { ...completion(segment, tried, answer, output), ...then },
  ]);
  if (completed.kind === 'refused') {
    segment.deps.log.error({ error: completed.error, ...tried }, 'an answer could not be committed');
    await failTurn(segment, tried, unstorable('cannot be kept'));
  }
}

/** Commits the answer that a fallback gives in place of a model's. */
export async function completeAsGiven(
  segment: Segment,
  tried: Attempt,
  told: { text: string; tools: readonly ResolvedTool[] },
): Promise<void> {
  const { text, tools } = told;
  const { turn, attempt } = tried;
  const result = outputOf(text, resultSchemaOf(segment));
  if (!result.ok) {
    const message = `the given answer is no valid result: ${result.problem}`;
    return await failTurn(segment, tried, { kind: 'terminal', code: 'invalid_output', message });
  }
  const first: Command[] = [{ type: 'delta', turn, attempt, part: 0, channel: 'text', text }];
  const answer: ModelAnswer = {
    ok: true,
    parts: [{ type: 'text', text }],
    toolCalls: [],
    finishReason: 'stop',
    usage: { inputTokens: 0, outputTokens: 0 },
  };
  await completeTurn(segment, tried, { answer, tools, first: text === '' ? [] : first });
}

/** Of a step: without what its input begins with, which it has not said itself. */
function ownMessages({ step, messages }: Segment): TranscriptMessage[] {
  return step === null ? messages() : messages().filter((message) => message.turn !== null);
}

function resultSchemaOf({ agent, step }: Segment): JsonObject | undefined {
  return agent.output ?? step?.resultSchema;
}

function completion(
  segment: Segment,
  { turn, attempt, model }: Attempt,
  answer: StorableAnswer,
  output: Json | null,
): CommandOf<'completeTurn'> {
  const { usage } = answer;
  const costUsd = segment.deps.priceOf(model, usage);
  return {
    type: 'completeTurn',
    turn,
    attempt,
    parts: answer.parts,
    toolCalls: answer.toolCalls,
    finishReason: answer.finishReason,
    usage: { ...usage, costUsd },
    model,
    output,
  };
}

interface StorableAnswer extends Omit<ModelAnswer, 'toolCalls'> {
  toolCalls: Omit<ToolCall, 'callId'>[];
}

/** A model's answer is a door: what comes in must be storable. Null when it is nested too deeply. */
function storableAnswer(answer: ModelAnswer): StorableAnswer | null {
  const parts = storable(answer.parts);
  if (!parts.ok) return null;
  const toolCalls = answer.toolCalls.map((call): Omit<ToolCall, 'callId'> => {
    const args = storable(call.args);
    const invalid = args.ok ? call.invalid : args.message;
    return {
      providerCallId: call.providerCallId === '' ? null : call.providerCallId,
      tool: call.tool,
      args: args.ok ? args.value : null,
      ...(invalid === undefined ? {} : { invalid }),
    };
  });
  // `storable` keeps the shape of what it is given.
  return { ...answer, parts: parts.value as unknown as Part[], toolCalls };
}

function unstorable(what: string): StepFailure {
  return { kind: 'terminal', code: 'provider_failed', message: `the model’s answer ${what}` };
}
