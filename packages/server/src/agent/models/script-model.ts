import { textOf, type ScriptTurn } from '@fermata/protocol';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { ScriptedError } from '../failure.ts';
import type { ModelOutcome, ModelRequest, ModelToolCall, ModelUsage } from './model-request.ts';
import { isReadyMadeScript, readyMadeTurn } from './ready-made-scripts.ts';
import type { Sleep } from './sleep.ts';

/** Deltas without a delay give way to other work, and to the signal, after this many. */
const DELTAS_PER_TICK = 20;

/**
 * A model that follows a script: turn n of the run plays entry n of the agent's `script`; without one, the name
 * must be a ready-made script. Strict: an unknown tool and a script with no turn left fail the turn for good.
 * Throws `ScriptedError`, or what `sleep` rejects with.
 */
export async function playScript(name: string, request: ModelRequest, sleep: Sleep): Promise<ModelOutcome> {
  const { script, turn } = request;
  if (script !== undefined && script.length > 0) {
    const own = script[turn - 1];
    if (own !== undefined) return await playTurn(filled(own, lastUserText(request)), request, sleep);
    return broken(
      `the script of script/${name} has ${count(script.length, 'turn')}, and the run has come to turn ${turn}`,
    );
  }
  if (isReadyMadeScript(name)) return await playTurn(readyMadeTurn(name, request), request, sleep);
  return broken(`script/${name} is not a ready-made script, and the agent has no script for it`);
}

/** `{{input}}` replaced in everything that is said. */
function filled(turn: ScriptTurn, input: string): ScriptTurn {
  const fill = (text: string): string => text.replaceAll('{{input}}', () => input);
  return {
    ...turn,
    ...(turn.text === undefined ? {} : { text: fill(turn.text) }),
    ...(turn.deltas === undefined ? {} : { deltas: turn.deltas.map(fill) }),
    ...(turn.reasoning === undefined ? {} : { reasoning: fill(turn.reasoning) }),
  };
}

function lastUserText(request: ModelRequest): string {
  const last = request.messages.findLast((message) => message.role === 'user');
  return last === undefined ? '' : textOf(last.parts);
}

/** Words with the white space after them, so that joined they are the text again. */
export function wordDeltas(text: string): string[] {
  return text.match(/\s*\S+\s*/g) ?? (text === '' ? [] : [text]);
}

async function playTurn(turn: ScriptTurn, request: ModelRequest, sleep: Sleep): Promise<ModelOutcome> {
  const { signal, onDelta } = request;
  if (turn.delayMs !== undefined && turn.delayMs > 0) await sleep(turn.delayMs, signal);
  if (turn.error !== undefined && request.attempt <= (turn.error.times ?? Number.POSITIVE_INFINITY)) {
    const { status = 500, message = 'the script fails here', retryAfterMs = null } = turn.error;
    throw new ScriptedError(status, message, retryAfterMs);
  }
  const unknown = turn.toolCalls?.find((call) => !request.tools.some((tool) => tool.name === call.tool));
  if (unknown !== undefined) return broken(unknownTool(unknown.tool, request));

  const reasoning = turn.reasoning ?? '';
  const deltas = turn.deltas ?? wordDeltas(turn.text ?? '');
  const channels = [
    { channel: 'reasoning', deltas: wordDeltas(reasoning) },
    { channel: 'text', deltas },
  ] as const;
  let part = -1;
  let sent = 0;
  for (const { channel, deltas: pieces } of channels) {
    if (pieces.length > 0) part += 1;
    for (const text of pieces) {
      if (sent > 0 && turn.deltaDelayMs !== undefined && turn.deltaDelayMs > 0)
        await sleep(turn.deltaDelayMs, signal);
      else if (sent % DELTAS_PER_TICK === DELTAS_PER_TICK - 1) await yieldToOthers();
      signal.throwIfAborted();
      if (text !== '') onDelta({ part, channel, text });
      sent += 1;
    }
  }
  const text = deltas.join('');
  const toolCalls = (turn.toolCalls ?? []).map((call, index): ModelToolCall => {
    const args = call.args ?? {};
    part += 1;
    onDelta({ part, channel: 'tool_input', text: JSON.stringify(args) });
    return { providerCallId: `script_${request.turn}_${index + 1}`, tool: call.tool, args };
  });
  signal.throwIfAborted();
  return {
    ok: true,
    parts: [
      ...(reasoning === '' ? [] : [{ type: 'reasoning' as const, text: reasoning }]),
      ...(text === '' ? [] : [{ type: 'text' as const, text }]),
    ],
    toolCalls,
    finishReason: toolCalls.length > 0 ? 'tool-calls' : 'stop',
    usage: turn.usage ?? countedUsage(request, `${reasoning} ${text}`, toolCalls),
  };
}

function countedUsage(
  request: ModelRequest,
  answer: string,
  toolCalls: readonly ModelToolCall[],
): ModelUsage {
  const heard = request.messages.map((message) => textOf(message.parts));
  const said = [answer, ...toolCalls.map((call) => JSON.stringify(call.args))];
  return { inputTokens: words([request.instructions ?? '', ...heard]), outputTokens: words(said) };
}

function words(texts: readonly string[]): number {
  return texts.reduce((total, text) => total + (text.match(/\S+/g)?.length ?? 0), 0);
}

function unknownTool(name: string, request: ModelRequest): string {
  const known = request.tools.map((tool) => tool.name).join(', ');
  return `the script calls the tool ${JSON.stringify(name)}, which the run does not have (it has: ${known === '' ? 'none' : known})`;
}

function broken(message: string): ModelOutcome {
  return { ok: false, failure: { kind: 'terminal', code: 'provider_failed', message } };
}

function count(n: number, what: string): string {
  return n === 1 ? `1 ${what}` : `${n} ${what}s`;
}
