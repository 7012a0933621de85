import {
  isJsonObject,
  type FlowStep,
  type Json,
  type RunError,
  type TranscriptCall,
} from '@fermata/protocol';

/** `undone`: it was not executed, and nobody refused it: it may be made anew. */
export type CallResult =
  { kind: 'output'; output: Json } | { kind: 'error'; error: RunError } | { kind: 'undone' };

/** What came of the call that carries out a step. */
export function callResult(call: TranscriptCall): CallResult {
  const error = call.error ?? { code: 'tool_failed', message: 'the call has no result' };
  switch (call.state) {
    case 'completed':
      return { kind: 'output', output: call.output };
    case 'denied':
      // The run was cancelled before anybody had begun it, and goes on now.
      return error.code === 'cancelled' ? { kind: 'undone' } : { kind: 'error', error };
    case 'failed':
      return { kind: 'error', error };
    case 'ready':
    case 'running':
    case 'waiting':
    case 'in_doubt':
      throw new Error(`the call ${call.callId} is ${call.state}`);
  }
}

/** The answer to a request as the step's output: read as it says, and only the members that it picks. */
export function answerOf(
  step: Pick<FlowStep & { type: 'http' }, 'response' | 'pick'>,
  answer: Json,
): CallResult {
  const read = readAs(step.response, answer);
  if (read === undefined) {
    return { kind: 'error', error: { code: 'invalid_output', message: 'the answer is not JSON' } };
  }
  const { pick } = step;
  if (pick === undefined) return { kind: 'output', output: read };
  const picked = Object.entries(pick).map(([name, path]) => [name, memberAt(read, path)] as const);
  return { kind: 'output', output: Object.fromEntries(picked) };
}

function readAs(response: 'json' | 'text' | undefined, answer: Json): Json | undefined {
  if (response === 'text') return typeof answer === 'string' ? answer : JSON.stringify(answer);
  if (response === undefined || typeof answer !== 'string') return answer;
  try {
    return JSON.parse(answer) as Json;
  } catch {
    return undefined;
  }
}

/** `items.0.name`; null for what is not there. */
function memberAt(value: Json, path: string): Json {
  let at: Json | undefined = value;
  for (const name of path.split('.')) {
    if (Array.isArray(at)) at = /^\d+$/.test(name) ? at[Number(name)] : undefined;
    else at = isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
    if (at === undefined) return null;
  }
  return at;
}
