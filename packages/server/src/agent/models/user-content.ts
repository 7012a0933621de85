import type { Part } from '@fermata/protocol';
import type { FilePart, ImagePart, TextPart } from 'ai';
import { ContentUnavailableError } from '../failure.ts';
import type { LoadedBlob } from './model-request.ts';

export type UserPart = TextPart | ImagePart | FilePart;

const MAX_INLINE_TEXT = 400_000;

/**
 * The parts of a user message for a provider. Stored and inlined images go as bytes, http(s) ones as their URL;
 * text files are written out; a file of a type that no model reads is named, so that the rest still arrives.
 * Throws `ContentUnavailableError`.
 */
export async function userContent(
  parts: readonly Part[],
  loadBlob: (url: string) => Promise<LoadedBlob>,
): Promise<UserPart[]> {
  const content: UserPart[] = [];
  for (const part of parts) {
    switch (part.type) {
      case 'text':
        if (part.text.trim() !== '') content.push({ type: 'text', text: part.text });
        break;
      case 'image':
        content.push(await imageContent(part.url, part.mediaType, loadBlob));
        break;
      case 'file':
        content.push(await fileContent(part.url, part.mediaType, part.name, loadBlob));
        break;
      case 'reasoning':
        break;
      default:
        part satisfies never;
    }
  }
  return content;
}

async function imageContent(
  url: string,
  mediaType: string | undefined,
  loadBlob: (url: string) => Promise<LoadedBlob>,
): Promise<UserPart> {
  const web = webUrl(url);
  if (web !== null) return { type: 'image', image: web, ...(mediaType === undefined ? {} : { mediaType }) };
  const loaded = await load(url, mediaType, loadBlob);
  if (!loaded.mediaType.startsWith('image/')) return unreadable('image', undefined, loaded);
  return { type: 'image', image: loaded.bytes, mediaType: loaded.mediaType };
}

async function fileContent(
  url: string,
  mediaType: string | undefined,
  name: string | undefined,
  loadBlob: (url: string) => Promise<LoadedBlob>,
): Promise<UserPart> {
  const web = webUrl(url);
  const filename = name === undefined ? {} : { filename: name };
  if (web !== null)
    return { type: 'file', data: web, mediaType: mediaType ?? guessMediaType(web), ...filename };
  const loaded = await load(url, mediaType, loadBlob);
  if (loaded.mediaType.startsWith('image/'))
    return { type: 'image', image: loaded.bytes, mediaType: loaded.mediaType };
  if (loaded.mediaType === 'application/pdf' || loaded.mediaType.startsWith('audio/')) {
    return { type: 'file', data: loaded.bytes, mediaType: loaded.mediaType, ...filename };
  }
  if (isText(loaded.mediaType)) {
    const text = new TextDecoder().decode(loaded.bytes).slice(0, MAX_INLINE_TEXT).toWellFormed();
    return { type: 'text', text: `File ${name ?? ''} (${loaded.mediaType}):\n${text}` };
  }
  return unreadable('file', name, loaded);
}

function unreadable(what: string, name: string | undefined, loaded: LoadedBlob): TextPart {
  const title = name === undefined ? `A ${what}` : `The ${what} ${JSON.stringify(name)}`;
  return {
    type: 'text',
    text: `[${title} (${loaded.mediaType}, ${loaded.bytes.byteLength} bytes) was attached, but cannot be shown to a model.]`,
  };
}

function isText(mediaType: string): boolean {
  return /^text\/|^application\/(json|xml|yaml|x-yaml|toml|javascript|sql|x-ndjson|[a-z.-]+\+(json|xml))\b/.test(
    mediaType,
  );
}

function webUrl(url: string): URL | null {
  return /^https?:/i.test(url) && URL.canParse(url) ? new URL(url) : null;
}

function guessMediaType(url: URL): string {
  const extension = /\.([a-z0-9]+)$/i.exec(url.pathname)?.[1]?.toLowerCase() ?? '';
  const known: Record<string, string> = {
    png: 'image/png',
    jpg: 'image/jpeg',
    jpeg: 'image/jpeg',
    gif: 'image/gif',
    webp: 'image/webp',
  };
  return known[extension] ?? 'application/pdf';
}

async function load(
  url: string,
  mediaType: string | undefined,
  loadBlob: (url: string) => Promise<LoadedBlob>,
): Promise<LoadedBlob> {
  if (/^data:/i.test(url))
    return { ...decodeDataUri(url), ...(mediaType === undefined ? {} : { mediaType }) };
  if (!/^blob:sha256-[0-9a-f]{64}$/i.test(url)) {
    return { bytes: new Uint8Array(), mediaType: 'application/x-unknown' };
  }
  try {
    const blob = await loadBlob(url);
    return { bytes: blob.bytes, mediaType: mediaType ?? blob.mediaType };
  } catch (cause) {
    if (cause instanceof ContentUnavailableError) throw cause;
    throw new ContentUnavailableError('a stored image or file of the conversation cannot be loaded', {
      cause,
    });
  }
}

/** RFC 2397. What is not valid has no bytes and an unknown type, and is shown to the model as such. */
export function decodeDataUri(uri: string): LoadedBlob {
  const comma = uri.indexOf(',');
  if (comma === -1) return { bytes: new Uint8Array(), mediaType: 'application/x-unknown' };
  const [type = '', ...parameters] = uri.slice('data:'.length, comma).split(';');
  const isBase64 = parameters.some((parameter) => parameter.trim().toLowerCase() === 'base64');
  const body = uri.slice(comma + 1);
  const bytes = isBase64 ? Buffer.from(body, 'base64') : Buffer.from(percentDecode(body));
  return { bytes, mediaType: type.trim() === '' ? 'text/plain' : type.trim().toLowerCase() };
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
