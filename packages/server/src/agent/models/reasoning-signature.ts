import { isJsonObject, type JsonObject } from '@fermata/protocol';

/**
 * A provider's proof of what it thought, as the opaque `signature` of a reasoning part: JSON
 * `{provider, data, call?}`. It goes back to the provider that gave it and to no other. With `call` it belongs
 * to the tool call with that provider id (Google signs calls, not thoughts).
 */
export interface ReasoningSignature {
  provider: string;
  data: JsonObject;
  call?: string | undefined;
}

export function encodeSignature(signature: ReasoningSignature): string {
  return JSON.stringify(signature);
}

/** The proof, when it is one of ours and from this provider; else null. */
export function decodeSignature(text: string | undefined, provider: string): ReasoningSignature | null {
  if (text === undefined) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isJsonObject(value) || value['provider'] !== provider) return null;
  const { data, call } = value;
  if (!isJsonObject(data)) return null;
  return { provider, data, call: typeof call === 'string' ? call : undefined };
}
