import {
  inputMessages,
  isJsonObject,
  textOf,
  type InputMessage,
  type Json,
  type JsonObject,
  type RunFlow,
} from '@fermata/protocol';
import { findStep } from '../../engine/flow-path.ts';
import type { RunDefinition } from '../../engine/ports.ts';
import type { FoldedStep } from '../../eventlog/fold-flow.ts';
import type { Transcript } from '../../eventlog/fold.ts';

/**
 * The names that templates and expressions of a flow know: the members of the run's input, what it says of itself, and
 * the outputs of the steps that are over. Computed from what is pinned and committed alone, so that a step that is done
 * again finds what it found before.
 */
export function flowVariables(
  { runId, input }: Pick<RunDefinition, 'runId' | 'input'>,
  flow: RunFlow,
  { flow: folded, messages, history }: Pick<Transcript, 'flow' | 'messages' | 'history'>,
): JsonObject {
  const given = isJsonObject(input) ? input : {};
  const said = inputMessages(input);
  const before = messages.slice(0, history).map(({ role, parts }) => shown({ role, parts }));
  const own = Array.isArray(given['messages']) ? given['messages'] : said.map(shown);
  const question = isJsonObject(input) && !('messages' in input) ? undefined : lastUserText(said);
  return {
    ...given,
    ...(isJsonObject(given['inputs']) ? given['inputs'] : {}),
    ...(given['record'] === undefined ? {} : { _record: given['record'] }),
    messages: [...before, ...own],
    ...(question === undefined ? {} : { user_message: question }),
    _flow: { id: flow.id, name: flow.name },
    _execution: { id: runId, timestamp: folded?.createdAt ?? null },
    ...outputsOf(flow, folded?.steps ?? []),
  };
}

/** Null for a step that was skipped or has failed: expressions may ask, where a name that nobody knows is an error. */
function outputsOf(flow: RunFlow, steps: readonly FoldedStep[]): JsonObject {
  const outputs: JsonObject = {};
  for (const { id, outcome, output } of steps) {
    if (outcome === null) continue;
    const step = findStep(flow.steps, id);
    if (step === null) continue;
    if (step.type === 'set') outputs[step.variable] = output;
    if (step.output !== undefined) outputs[step.output] = output;
  }
  return outputs;
}

/** A message as a template sees it: its text where it has nothing else. */
function shown({ role, parts }: InputMessage): JsonObject {
  const isText = parts.every((part) => part.type === 'text');
  // A part has nothing but JSON in it.
  return { role, content: isText ? textOf(parts) : (parts as unknown as Json) };
}

function lastUserText(messages: readonly InputMessage[]): string | undefined {
  const last = messages.findLast((message) => message.role === 'user');
  return last === undefined ? undefined : textOf(last.parts);
}
