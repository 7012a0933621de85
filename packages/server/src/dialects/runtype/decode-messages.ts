import {
  isJsonObject,
  MAX_EVENT_BYTES,
  type Json,
  type JsonObject,
  type MessageRole,
  type Part,
} from '@fermata/protocol';
import { z } from 'zod';
import type { Caller } from '../../engine/caller.ts';
import { EngineError } from '../../engine/errors.ts';
import type { Engine } from '../../engine/facade.ts';
import { decodeDataUri, MAX_BLOB_BYTES } from '../data-uri.ts';
import { invalidMember } from './errors.ts';

/** Source: wire sections 2.1 and 2.9; unknown members are ignored. */
export const wireMessageSchema = z
  .object({
    id: z.string().optional().describe('The client’s own id'),
    role: z.enum(['user', 'assistant', 'system', 'tool']).describe('Who speaks'),
    content: z.unknown().optional().describe('Text, or parts {type: text|image|file, …}'),
    createdAt: z.unknown().optional().describe('When, as the client says'),
    toolCalls: z.array(z.unknown()).optional().describe('Calls of earlier turns: {toolName, args}'),
    toolResults: z.array(z.unknown()).optional().describe('Their results: {toolName, result}'),
  })
  .describe('A message of the conversation');
export type WireMessage = z.infer<typeof wireMessageSchema>;

export interface DecodedMessage {
  id: string | null;
  role: MessageRole;
  parts: Part[];
}

interface Store {
  engine: { blobs: Pick<Engine['blobs'], 'put'> };
  caller: Caller;
}

/** Longer text does not fit an event, and is kept as a file that the model reads, bytes. */
const MAX_TEXT_BYTES = 160 * 1024;

/** Messages as the engine takes them, files stored. What says nothing is left out. */
export async function decodeMessages(
  store: Store,
  messages: readonly WireMessage[],
  path = 'messages',
): Promise<DecodedMessage[]> {
  const decoded: DecodedMessage[] = [];
  for (const [index, message] of messages.entries()) {
    const parts = await decodeParts(store, message, `${path}[${index}]`);
    if (parts.length === 0) continue;
    // A tool's result of an earlier turn stands on its own here: its call is not in this run's log.
    const role = message.role === 'tool' ? 'user' : message.role;
    decoded.push({ id: message.id ?? null, role, parts });
  }
  return decoded;
}

async function decodeParts(store: Store, message: WireMessage, path: string): Promise<Part[]> {
  const parts: Part[] = [];
  const { content } = message;
  const given: unknown[] = Array.isArray(content) ? content : [content];
  for (const [index, part] of given.entries()) {
    parts.push(...(await decodePart(store, part, `${path}.content[${index}]`)));
  }
  const calls = (message.toolCalls ?? []).flatMap((call) => pairText(call, 'Called', 'args'));
  const results = (message.toolResults ?? []).flatMap((result) => pairText(result, 'Result of', 'result'));
  return [...parts, ...calls, ...results];
}

function pairText(pair: unknown, word: string, member: string): Part[] {
  if (typeof pair !== 'object' || pair === null || !('toolName' in pair)) return [];
  const value = (pair as Record<string, unknown>)[member] ?? null;
  const text = `${word} ${String(pair.toolName)}: ${typeof value === 'string' ? value : JSON.stringify(value)}`;
  return [{ type: 'text', text }];
}

async function decodePart(store: Store, part: unknown, path: string): Promise<Part[]> {
  if (part === undefined || part === null || part === '') return [];
  if (typeof part === 'string') return [await textPart(store, part)];
  if (!isJsonObject(part as Json)) return [{ type: 'text', text: JSON.stringify(part) }];
  const { type, text } = part as JsonObject;
  switch (type) {
    case 'text':
      return typeof text === 'string' && text !== '' ? [await textPart(store, text)] : [];
    // The proof of a thought is its provider's, and is not here.
    case 'reasoning':
      return [];
    case 'image':
      return [await filePart(store, part as JsonObject, 'image', path)];
    case 'file':
    case 'audio':
    case 'video':
      return [await filePart(store, part as JsonObject, type, path)];
    default:
      return [{ type: 'text', text: JSON.stringify(part) }];
  }
}

async function textPart({ engine, caller }: Store, text: string): Promise<Part> {
  if (Buffer.byteLength(JSON.stringify(text)) <= MAX_TEXT_BYTES) return { type: 'text', text };
  const url = await engine.blobs.put(caller, Buffer.from(text), 'text/plain');
  return { type: 'file', url, mediaType: 'text/plain', name: 'message.txt' };
}

/** `image` or `data` is a URL, a data URI, or base64 with `mimeType`. */
async function filePart(
  { engine, caller }: Store,
  part: JsonObject,
  kind: 'image' | 'file' | 'audio' | 'video',
  path: string,
): Promise<Part> {
  const [member, source] = ['image', 'data', 'audio', 'video', 'url'].flatMap((name) =>
    typeof part[name] === 'string' && part[name] !== '' ? [[name, part[name]] as const] : [],
  )[0] ?? ['data', ''];
  const place = `${path}.${member}`;
  const given = typeof part['mimeType'] === 'string' ? part['mimeType'] : undefined;
  const name = typeof part['filename'] === 'string' ? { name: part['filename'] } : {};
  const make = (url: string, mediaType: string | undefined): Part =>
    kind === 'image'
      ? { type: 'image', url, ...(mediaType === undefined ? {} : { mediaType }) }
      : { type: 'file', url, ...(mediaType === undefined ? {} : { mediaType }), ...name };
  if (/^(?:https?:\/\/\S|blob:sha256-[0-9a-f]{64}$)/i.test(source)) return make(source, given);
  const uri = /^data:/i.test(source)
    ? source
    : `data:${given ?? 'application/octet-stream'};base64,${source}`;
  const data = source === '' ? null : decodeDataUri(uri);
  if (data === null) throw invalidMember(place, 'expected a URL, a data URI or base64');
  if (data.bytes.byteLength > MAX_BLOB_BYTES) {
    throw new EngineError('payload_too_large', `${place}: a file may have at most ${MAX_BLOB_BYTES} bytes`);
  }
  const mediaType = given ?? data.mediaType;
  return make(await engine.blobs.put(caller, data.bytes, mediaType), mediaType);
}

/** Throws 413 for what one event of the log cannot hold. */
export function assertFits(value: unknown, path: string, bytes: number = MAX_EVENT_BYTES - 16_384): void {
  if (Buffer.byteLength(JSON.stringify(value) ?? '') <= bytes) return;
  throw new EngineError('payload_too_large', `${path}: at most ${bytes} bytes of JSON fit`);
}
