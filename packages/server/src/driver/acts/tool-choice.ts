import type { RunAgent, TranscriptMessage } from '@fermata/protocol';
import type { ModelRequest } from '../../agent/models/model-request.ts';

/**
 * Which tools the model may or must call in a turn. What is required is required until a turn of the run has called
 * a tool: a model that had to call one every time would never come to an answer. `forced` goes before it.
 */
export function toolChoiceOf(
  { toolChoice }: Pick<RunAgent, 'toolChoice'>,
  messages: readonly TranscriptMessage[],
  forced: string | null,
): ModelRequest['toolChoice'] {
  if (forced !== null) return { tool: forced };
  const hasCalled = toolChoice === 'required' && messages.some(({ calls }) => calls.length > 0);
  return hasCalled ? 'auto' : toolChoice;
}
