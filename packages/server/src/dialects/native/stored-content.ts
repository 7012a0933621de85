import { createHash } from 'node:crypto';
import {
  isJsonObject,
  MAX_EVENT_BYTES,
  partSchema,
  partsOf,
  type Json,
  type MessageInput,
  type MessageRole,
  type Part,
} from '@fermata/protocol';
import { EngineError } from '../../engine/errors.ts';
import type { Caller } from '../../engine/caller.ts';
import type { Engine } from '../../engine/facade.ts';
import { invalidRequest } from '../../http/problem.ts';
import { joinPath } from '../../http/request-validation.ts';
import { decodeDataUri, MAX_BLOB_BYTES } from '../data-uri.ts';

/** Room for what the engine adds to an event. */
const EVENT_MARGIN_BYTES = 8192;

export interface ContentStore {
  engine: { blobs: Pick<Engine['blobs'], 'put'> };
  caller: Caller;
}

/** Names what would be stored as it would be named, and stores nothing. */
export function unstored(caller: Caller): ContentStore {
  const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  return { caller, engine: { blobs: { put: async (_caller, bytes) => `blob:sha256-${digest(bytes)}` } } };
}

/** Content of a message as parts, its data URIs stored as blobs. Throws 422 and 413 with the place. */
export async function storeMessageContent(store: ContentStore, content: Json, path: string): Promise<Part[]> {
  const parts = partsOf(content);
  const isList = Array.isArray(content);
  const stored: Part[] = [];
  for (const [index, part] of parts.entries()) {
    stored.push(await storePart(store, part, isList ? joinPath(path, [index]) : path));
  }
  assertFitsEvent(stored, path);
  return stored;
}

/** Messages of a request as the engine takes them. */
export async function storeMessages(
  store: ContentStore,
  messages: readonly MessageInput[] | undefined,
  path: string,
): Promise<{ role: MessageRole; parts: Part[] }[] | undefined> {
  if (messages === undefined) return undefined;
  const stored = [];
  for (const [index, message] of messages.entries()) {
    const parts = await storeMessageContent(store, message.content, joinPath(path, [index, 'content']));
    stored.push({ role: message.role ?? 'user', parts });
  }
  return stored;
}

/** The input of a run, its data URIs stored as blobs wherever they stand as parts of a message. */
export async function storeInput(
  store: ContentStore,
  input: Json | undefined,
  path: string,
): Promise<Json | undefined> {
  if (input === undefined) return undefined;
  if (isJsonObject(input) && Array.isArray(input['messages'])) {
    const messages: Json[] = [];
    for (const [index, message] of input['messages'].entries()) {
      messages.push(await storeInputMessage(store, message, joinPath(path, ['messages', index, 'content'])));
    }
    return { ...input, messages };
  }
  return storeInputContent(store, input, path);
}

async function storeInputMessage(store: ContentStore, message: Json, path: string): Promise<Json> {
  if (!isJsonObject(message) || message['content'] === undefined) return message;
  return { ...message, content: await storeInputContent(store, message['content'], path) };
}

/** Only what is wholly made of parts is taken as parts; any other input stays as it is. */
async function storeInputContent(store: ContentStore, content: Json, path: string): Promise<Json> {
  if (Array.isArray(content)) {
    if (!content.every((part) => partSchema.safeParse(part).success)) return content;
    const parts: Json[] = [];
    for (const [index, part] of content.entries()) {
      parts.push(await storeInputPart(store, part, joinPath(path, [index])));
    }
    return parts;
  }
  return isJsonObject(content) ? storeInputPart(store, content, path) : content;
}

async function storeInputPart(store: ContentStore, value: Json, path: string): Promise<Json> {
  const part = partSchema.safeParse(value);
  if (!part.success || !isJsonObject(value)) return value;
  const stored = await storePart(store, part.data, path);
  if (stored.type !== 'image' && stored.type !== 'file') return value;
  return {
    ...value,
    url: stored.url,
    ...(stored.mediaType !== undefined && { mediaType: stored.mediaType }),
  };
}

async function storePart(store: ContentStore, part: Part, path: string): Promise<Part> {
  if (part.type !== 'image' && part.type !== 'file') return part;
  const place = joinPath(path, ['url']);
  if (!/^data:/i.test(part.url)) {
    if (/^(?:https?:\/\/\S|blob:sha256-[0-9a-f]{64}$)/i.test(part.url)) return part;
    throw invalidRequest([
      { path: place, message: 'expected an http(s) URL, a data URI or blob:sha256-<hex>' },
    ]);
  }
  const data = decodeDataUri(part.url);
  if (data === null) throw invalidRequest([{ path: place, message: 'not a valid data URI' }]);
  if (data.bytes.byteLength > MAX_BLOB_BYTES) {
    throw tooLarge(place, `a file may have at most ${MAX_BLOB_BYTES} bytes`);
  }
  const url = await store.engine.blobs.put(store.caller, data.bytes, part.mediaType ?? data.mediaType);
  return { ...part, url, mediaType: part.mediaType ?? data.mediaType };
}

/** Throws 413 when a value is larger than one event of the log can hold. */
export function assertFitsEvent(value: unknown, path: string): void {
  const text = JSON.stringify(value) ?? '';
  if (Buffer.byteLength(text) > MAX_EVENT_BYTES - EVENT_MARGIN_BYTES) {
    throw tooLarge(
      path,
      `at most ${MAX_EVENT_BYTES - EVENT_MARGIN_BYTES} bytes of JSON fit; send big data as a file part`,
    );
  }
}

function tooLarge(path: string, message: string): EngineError {
  return new EngineError('payload_too_large', `${path}: ${message}`, { errors: [{ path, message }] });
}
