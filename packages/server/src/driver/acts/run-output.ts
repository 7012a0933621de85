import { textOf, type Json, type JsonObject, type TranscriptMessage } from '@fermata/protocol';
import { compileSchema, problemText } from '../../schemas/json-schema.ts';

export type RunOutput = { ok: true; output: Json } | { ok: false; problem: string };

/** What an answer's text is as the run's output: the text itself, or the structured result that it holds. */
export function outputOf(text: string, schema: JsonObject | undefined): RunOutput {
  if (schema === undefined) return { ok: true, output: text };
  let value: Json;
  try {
    // A model likes to wrap JSON in a Markdown fence.
    value = JSON.parse(text.trim().replace(/^```(?:json)?\s*\n([\s\S]*?)\n?```$/, '$1')) as Json;
  } catch {
    return { ok: false, problem: 'the answer is not JSON' };
  }
  const compiled = compileSchema(schema);
  if (!compiled.ok) return { ok: false, problem: `the output schema cannot be used: ${compiled.message}` };
  const problem = compiled.validate(value);
  return problem === null ? { ok: true, output: value } : { ok: false, problem: problemText(problem) };
}

/** The last text of the model, which is the run's output where no schema asks for more. */
export function lastAssistantText(messages: readonly TranscriptMessage[]): string {
  const last = messages.findLast((message) => message.role === 'assistant' && textOf(message.parts) !== '');
  return last === undefined ? '' : textOf(last.parts);
}
