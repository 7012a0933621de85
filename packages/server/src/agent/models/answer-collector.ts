import { storable, storableText, type Json, type JsonObject, type Part } from '@fermata/protocol';
import type { FinishReason, LanguageModelUsage, TextStreamPart, ToolSet } from 'ai';
import { BrokenStreamError } from '../failure.ts';
import { briefText } from '../redact.ts';
import type { DeltaChannel, ModelAnswer, ModelDelta, ModelToolCall, ModelUsage } from './model-request.ts';
import { encodeSignature } from './reasoning-signature.ts';

type StreamPart = TextStreamPart<ToolSet>;
type Metadata = Record<string, unknown> | undefined;

/** Turns the stream of one model call into deltas and, at its end, into the answer. */
export interface AnswerCollector {
  /** Throws the provider's error when the stream carries one. */
  add(part: StreamPart): void;
  /** Throws `BrokenStreamError` when the stream ended before the provider had finished. */
  finish(): ModelAnswer;
}

interface Block {
  kind: 'text' | 'reasoning';
  text: string;
  data: JsonObject;
}

export function createAnswerCollector(
  namespace: string,
  onDelta: (delta: ModelDelta) => void,
  toolNames: readonly string[],
): AnswerCollector {
  /** In order of appearance; a finished part of the answer, or a block that still grows. */
  const content: (Part | Block)[] = [];
  const open = new Map<string, Block>();
  const numbers = new Map<string, number>();
  const toolCalls: ModelToolCall[] = [];
  let usage: ModelUsage = { inputTokens: 0, outputTokens: 0 };
  let ending: { reason: FinishReason; raw: string | undefined } | null = null;

  function emit(key: string, channel: DeltaChannel, text: string): void {
    if (text === '') return;
    onDelta({ part: numberOf(key), channel, text });
  }

  function numberOf(key: string): number {
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, numbers.size);
    return numbers.size - 1;
  }

  function block(kind: Block['kind'], id: string, restart = false): Block {
    const key = `${kind}:${id}`;
    const known = restart ? undefined : open.get(key);
    if (known !== undefined) return known;
    const fresh: Block = { kind, text: '', data: {} };
    open.set(key, fresh);
    content.push(fresh);
    return fresh;
  }

  function grow(kind: Block['kind'], part: { id: string; text: string; providerMetadata?: Metadata }): void {
    const target = block(kind, part.id);
    target.text += part.text;
    Object.assign(target.data, dataOf(part.providerMetadata, namespace));
    emit(`${kind}:${content.indexOf(target)}`, kind, part.text);
  }

  function add(part: StreamPart): void {
    switch (part.type) {
      case 'text-start':
      case 'reasoning-start': {
        const kind = part.type === 'text-start' ? 'text' : 'reasoning';
        Object.assign(block(kind, part.id, true).data, dataOf(part.providerMetadata, namespace));
        break;
      }
      case 'text-delta':
        grow('text', part);
        break;
      case 'reasoning-delta':
        grow('reasoning', part);
        break;
      case 'text-end':
      case 'reasoning-end': {
        const kind = part.type === 'text-end' ? 'text' : 'reasoning';
        Object.assign(block(kind, part.id).data, dataOf(part.providerMetadata, namespace));
        open.delete(`${kind}:${part.id}`);
        break;
      }
      case 'tool-input-start':
        numberOf(`tool:${part.id}`);
        break;
      case 'tool-input-delta':
        emit(`tool:${part.id}`, 'tool_input', part.delta);
        break;
      case 'tool-call': {
        toolCalls.push(toolCall(part, toolNames));
        const data = dataOf(part.providerMetadata, namespace);
        // Google refuses a call that comes back without the signature that it came with.
        if (typeof data['thoughtSignature'] === 'string') {
          const signature = encodeSignature({ provider: namespace, data, call: part.toolCallId });
          content.push({ type: 'reasoning', text: '', signature });
        }
        break;
      }
      case 'file':
        content.push({
          type: 'image',
          url: `data:${part.file.mediaType};base64,${part.file.base64}`,
          mediaType: part.file.mediaType,
        });
        break;
      case 'finish-step':
        ending = { reason: part.finishReason, raw: part.rawFinishReason };
        usage = usageOf(part.usage);
        break;
      case 'error':
        throw part.error;
      case 'abort':
        throw new BrokenStreamError('the model call was aborted');
      case 'tool-input-end':
      case 'source':
      case 'tool-result':
      case 'tool-error':
      case 'tool-output-denied':
      case 'tool-approval-request':
      case 'start-step':
      case 'start':
      case 'finish':
      case 'raw':
        break;
      default:
        part satisfies never;
    }
  }

  function finish(): ModelAnswer {
    // The packages report a stream that just ended as `other` without a word of the provider.
    if (ending === null || (ending.reason === 'other' && ending.raw === undefined)) {
      throw new BrokenStreamError('the model provider ended its answer in the middle');
    }
    if (ending.reason === 'error') throw new BrokenStreamError('the model provider broke off its answer');
    const parts = content.flatMap((entry) => ('kind' in entry ? partOf(entry, namespace) : [entry]));
    return {
      ok: true,
      parts,
      toolCalls,
      finishReason: finishReasonOf(ending.reason, toolCalls),
      usage,
    };
  }

  return { add, finish };
}

/** Some servers end an answer with calls by `stop`, or by a word of their own. */
function finishReasonOf(reason: FinishReason, toolCalls: readonly ModelToolCall[]): FinishReason {
  return toolCalls.length > 0 && (reason === 'stop' || reason === 'other') ? 'tool-calls' : reason;
}

function partOf(block: Block, namespace: string): Part[] {
  const text = storableText(block.text);
  if (block.kind === 'text') return text === '' ? [] : [{ type: 'text', text }];
  if (Object.keys(block.data).length === 0) return text === '' ? [] : [{ type: 'reasoning', text }];
  return [{ type: 'reasoning', text, signature: encodeSignature({ provider: namespace, data: block.data }) }];
}

function toolCall(
  part: Extract<StreamPart, { type: 'tool-call' }>,
  toolNames: readonly string[],
): ModelToolCall {
  const stored = storable(part.input);
  const args: Json = stored.ok ? stored.value : null;
  const call: ModelToolCall = { providerCallId: part.toolCallId, tool: storableText(part.toolName), args };
  if (!toolNames.includes(part.toolName))
    return { ...call, invalid: unknownToolText(part.toolName, toolNames) };
  if (!stored.ok) return { ...call, invalid: `the arguments are ${stored.message}` };
  if (part.invalid !== true) return call;
  return { ...call, invalid: 'the arguments are not valid JSON' };
}

/** For the model: what it called, and what it could have called. */
export function unknownToolText(name: string, toolNames: readonly string[]): string {
  const known = toolNames.length === 0 ? 'there are no tools' : `the tools are: ${toolNames.join(', ')}`;
  return briefText(`there is no tool named ${JSON.stringify(name.slice(0, 100))}; ${known}`, 2_000);
}

/** The provider's own data on a part, without what is only information and not sent back. */
function dataOf(metadata: Metadata, namespace: string): JsonObject {
  const own = metadata?.[namespace];
  const stored = storable(own ?? {});
  if (!stored.ok || typeof stored.value !== 'object' || stored.value === null || Array.isArray(stored.value))
    return {};
  return Object.fromEntries(Object.entries(stored.value).filter(([, value]) => value !== null));
}

function usageOf(usage: LanguageModelUsage): ModelUsage {
  const { inputTokens = 0, outputTokens = 0 } = usage;
  const cachedInputTokens = usage.inputTokenDetails.cacheReadTokens ?? 0;
  return { inputTokens, ...(cachedInputTokens > 0 ? { cachedInputTokens } : {}), outputTokens };
}
