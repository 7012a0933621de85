import { storable, type Json } from '@fermata/protocol';
import { redactValues } from '../redact.ts';

/**
 * How a tool call ended. `not_sent`: it is certain that no request left. `in_doubt`: the request may have been
 * received, and nobody knows what came of it.
 */
export type ToolOutcome =
  | { kind: 'completed'; output: Json }
  | { kind: 'failed'; error: { code: string; message: string } }
  | { kind: 'not_sent'; message: string }
  | { kind: 'in_doubt'; cause: DoubtCause; message: string };

export type DoubtCause = 'time_out' | 'reset' | 'bad_gateway' | 'aborted';

export function failed(code: string, message: string): ToolOutcome {
  return { kind: 'failed', error: { code, message } };
}

/** A result as it may be stored: known secrets that the tool sent back are struck out, depth is bounded. */
export function completed(output: unknown, secrets: readonly string[]): ToolOutcome {
  const stored = storable(output);
  if (!stored.ok) return failed('result_not_storable', `the tool’s result is ${stored.message}`);
  return { kind: 'completed', output: withoutSecrets(stored.value, secrets) };
}

/** Length of a value's JSON in bytes. */
export function jsonSize(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value), 'utf8');
}

function withoutSecrets(value: Json, secrets: readonly string[]): Json {
  if (secrets.length === 0) return value;
  if (typeof value === 'string') return redactValues(value, secrets);
  if (Array.isArray(value)) return value.map((member) => withoutSecrets(member, secrets));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, withoutSecrets(member, secrets)]),
  );
}
