import { isJsonObject, type Json, type JsonObject, type Run } from '@fermata/protocol';

/** Members of a run's input that say what to do, the first that is a text. */
const TASK_MEMBERS = ['message', 'prompt', 'objective', 'task', 'query', 'original_request'] as const;
const NOTHING_TO_SAY = 'Begin.';

export interface StoredInput {
  input?: Json;
  face?: JsonObject;
}

/**
 * The input of a managed run: what the client gave, beside it the first message made of it, and a note for
 * `givenInput` of what was added.
 */
export function managedInput(given: JsonObject | null): StoredInput {
  const messages: Json = [{ role: 'user', content: firstMessage(given ?? {}) }];
  const own = given?.['messages'];
  return {
    input: { ...given, messages },
    face: { input: given === null ? 'none' : 'object', ...(own === undefined ? {} : { messages: own }) },
  };
}

/** A task in words, then the rest of the input as JSON. */
export function firstMessage(input: JsonObject): string {
  const member = TASK_MEMBERS.find((name) => typeof input[name] === 'string' && input[name] !== '');
  const rest = Object.fromEntries(Object.entries(input).filter(([name]) => name !== member));
  const parts = [
    ...(member === undefined ? [] : [String(input[member])]),
    ...(Object.keys(rest).length === 0 ? [] : [JSON.stringify(rest)]),
  ];
  return parts.length === 0 ? NOTHING_TO_SAY : parts.join('\n\n');
}

/** The input as its client gave it; that of other faces as an object. */
export function givenInput({ origin, face, input }: Run): JsonObject | null {
  if (origin !== 'telnyx' || face === null) {
    return input === null || isJsonObject(input) ? input : { message: input };
  }
  if (face['input'] === 'none' || !isJsonObject(input)) return null;
  const { messages: _added, ...given } = input;
  return face['messages'] === undefined ? given : { ...given, messages: face['messages'] };
}
