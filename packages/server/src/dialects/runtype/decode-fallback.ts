import type { AgentFallback } from '@fermata/protocol';
import { invalidMember } from './errors.ts';
import type { ErrorHandling } from './wire-agent.ts';

export type WireFallback = NonNullable<ErrorHandling['fallbacks']>[number];

/** A fallback that agents and steps both have; null: a flow, which is a step's alone. Source: wire section 7.4. */
export function decodeFallback(
  { type, model, message, delay }: WireFallback,
  path: string,
): AgentFallback | null {
  const delayMs = delay === undefined ? {} : { delayMs: delay };
  switch (type) {
    case 'retry':
      return { type, ...delayMs };
    case 'model':
      if (model === undefined) throw invalidMember(`${path}.model`, 'Required', 'MISSING_REQUIRED_FIELD');
      return { type, model, ...delayMs };
    case 'message':
      if (message === undefined) throw invalidMember(`${path}.message`, 'Required', 'MISSING_REQUIRED_FIELD');
      return { type: 'output', output: message, ...delayMs };
    case 'flow':
      return null;
  }
}
