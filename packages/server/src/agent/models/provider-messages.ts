import {
  isJsonObject,
  textOf,
  type Json,
  type Part,
  type TranscriptCall,
  type TranscriptMessage,
} from '@fermata/protocol';
import type { AssistantModelMessage, ModelMessage, ToolModelMessage } from 'ai';
import type { LoadedBlob } from './model-request.ts';
import { decodeSignature, type ReasoningSignature } from './reasoning-signature.ts';
import { toolResultText } from './tool-results.ts';
import { userContent } from './user-content.ts';

export interface PromptOptions {
  /** Name under which the provider's own data is kept: `openai`, `anthropic`, `google`, or a compatible one's. */
  provider: string;
  loadBlob(url: string): Promise<LoadedBlob>;
}

export interface Prompt {
  /** System messages at the beginning of the transcript; later ones become user messages. */
  system: string[];
  messages: ModelMessage[];
  /** Names of the tools that the transcript calls, as sent. */
  calledTools: Set<string>;
}

type AssistantPart = Exclude<AssistantModelMessage['content'], string>[number];

/**
 * The transcript as a prompt that OpenAI, Anthropic and Google all accept: it begins and ends with a user message
 * or a tool result, each tool call has exactly one result, in order, directly after its message, call ids are
 * unique and of a form that each takes, and nothing in it is empty.
 */
export async function providerPrompt(
  transcript: readonly TranscriptMessage[],
  options: PromptOptions,
): Promise<Prompt> {
  const prompt: Prompt = { system: [], messages: [], calledTools: new Set() };
  const ids = callIds(transcript);
  for (const message of transcript) {
    switch (message.role) {
      case 'system':
        addSystem(prompt, textOf(message.parts));
        break;
      case 'user':
        await addUser(prompt, message.parts, options);
        break;
      case 'assistant':
        addAssistant(prompt, message, ids, options.provider);
        break;
      default:
        message.role satisfies never;
    }
  }
  if (prompt.messages[0]?.role !== 'user') prompt.messages.unshift({ role: 'user', content: 'Begin.' });
  // A last assistant message would be taken as the beginning of the answer, which newer models refuse.
  if (prompt.messages.at(-1)?.role === 'assistant')
    prompt.messages.push({ role: 'user', content: 'Continue.' });
  return prompt;
}

function addSystem(prompt: Prompt, text: string): void {
  if (text.trim() === '') return;
  if (prompt.messages.length === 0) prompt.system.push(text);
  else prompt.messages.push({ role: 'user', content: `[System message]\n${text}` });
}

async function addUser(prompt: Prompt, parts: readonly Part[], options: PromptOptions): Promise<void> {
  const content = await userContent(parts, options.loadBlob);
  if (content.length > 0) prompt.messages.push({ role: 'user', content });
}

function addAssistant(
  prompt: Prompt,
  message: TranscriptMessage,
  ids: Map<TranscriptCall, string>,
  provider: string,
): void {
  const content: AssistantPart[] = [];
  const callSignatures = new Map<string, ReasoningSignature>();
  for (const part of message.parts) addAssistantPart(content, callSignatures, part, provider);
  const results: ToolModelMessage['content'] = [];
  for (const call of message.calls) {
    const toolCallId = ids.get(call) ?? call.callId;
    const toolName = toolNameOf(call.tool);
    const signature = callSignatures.get(call.providerCallId ?? '');
    prompt.calledTools.add(toolName);
    content.push({
      type: 'tool-call',
      toolCallId,
      toolName,
      input: inputOf(call.args),
      ...(signature === undefined ? {} : { providerOptions: { [provider]: signature.data } }),
    });
    const result = toolResultText(call);
    const value = result.text.trim() === '' ? '(no output)' : result.text;
    results.push({
      type: 'tool-result',
      toolCallId,
      toolName,
      output: { type: result.isError ? 'error-text' : 'text', value },
    });
  }
  // Thoughts alone are no message: every provider refuses an assistant message without text or calls.
  if (!content.some((part) => part.type === 'text' || part.type === 'tool-call')) return;
  prompt.messages.push({ role: 'assistant', content });
  if (results.length > 0) prompt.messages.push({ role: 'tool', content: results });
}

function addAssistantPart(
  content: AssistantPart[],
  callSignatures: Map<string, ReasoningSignature>,
  part: Part,
  provider: string,
): void {
  switch (part.type) {
    case 'text':
      if (part.text.trim() !== '') content.push({ type: 'text', text: part.text });
      break;
    case 'reasoning': {
      const signature = decodeSignature(part.signature, provider);
      if (signature === null) break;
      if (signature.call !== undefined) callSignatures.set(signature.call, signature);
      else
        content.push({ type: 'reasoning', text: part.text, providerOptions: { [provider]: signature.data } });
      break;
    }
    case 'image':
      content.push({ type: 'text', text: '[image]' });
      break;
    case 'file':
      content.push({ type: 'text', text: `[file${part.name === undefined ? '' : ` ${part.name}`}]` });
      break;
    default:
      part satisfies never;
  }
}

/** OpenAI takes ids of at most 40 characters, Anthropic only these. */
const CALL_ID = /^[A-Za-z0-9_-]{1,40}$/;

/** The provider's own id where it is unique and of a form that every provider takes, else ours. */
function callIds(transcript: readonly TranscriptMessage[]): Map<TranscriptCall, string> {
  const calls = transcript.flatMap((message) => (message.role === 'assistant' ? message.calls : []));
  const counts = new Map<string, number>();
  for (const { providerCallId, callId } of calls) {
    for (const id of new Set([providerCallId ?? '', callId])) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return new Map(
    calls.map((call, index) => {
      const own = call.providerCallId ?? '';
      if (CALL_ID.test(own) && counts.get(own) === 1) return [call, own];
      const isUsable = CALL_ID.test(call.callId) && counts.get(call.callId) === 1;
      return [call, isUsable ? call.callId : unusedId(index + 1, counts)];
    }),
  );
}

function unusedId(number: number, taken: ReadonlyMap<string, number>): string {
  for (let prefix = 'call'; ; prefix += '_') {
    const id = `${prefix}-${number}`;
    if (!taken.has(id)) return id;
  }
}

/** A model may have invented a name that no provider would take back. */
export function toolNameOf(name: string): string {
  const safe = name.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 64);
  return safe === '' ? 'unnamed_tool' : safe;
}

/** Anthropic and Google take objects only; what was no object is shown as it came. */
function inputOf(args: Json): Json {
  return isJsonObject(args) ? args : { invalid_arguments: args };
}
