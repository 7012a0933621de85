import { isJsonObject, type Json, type JsonObject, type Part } from '@fermata/protocol';
import { badRequest, WireError } from './errors.ts';
import type { ShannonRequest } from './route.ts';

/** All inline attachments of a task together, decoded, bytes. */
const MAX_BYTES = 25 * 1024 * 1024;

/** Attachments of a task as parts of its message: text is read, what has a URL is linked, all else is stored. */
export async function storeAttachments(
  { engine, caller }: Pick<ShannonRequest, 'engine' | 'caller'>,
  attachments: readonly Json[],
): Promise<Part[]> {
  const parts: Part[] = [];
  let total = 0;
  for (const attachment of attachments) {
    if (!isJsonObject(attachment)) throw badRequest('Invalid request body: attachments must be objects');
    const mediaType =
      textOf(attachment, ['media_type', 'mime_type', 'content_type']) || 'application/octet-stream';
    const name = textOf(attachment, ['filename', 'file_name', 'name']);
    const url = textOf(attachment, ['url']);
    if (/^https?:\/\//i.test(url)) {
      parts.push(partOf(url, mediaType, name));
      continue;
    }
    const bytes = Buffer.from(
      textOf(attachment, ['data', 'content', 'base64']).replace(/^data:[^,]*,/, ''),
      'base64',
    );
    if (bytes.length === 0) throw badRequest('Invalid request body: an attachment has no data');
    total += bytes.length;
    if (total > MAX_BYTES) throw new WireError(413, { error: 'attachments exceed 25 MiB' });
    parts.push(partOf(await engine.blobs.put(caller, bytes, mediaType), mediaType, name));
  }
  return parts;
}

function partOf(url: string, mediaType: string, name: string): Part {
  if (mediaType.startsWith('image/')) return { type: 'image', url, mediaType };
  return { type: 'file', url, mediaType, ...(name === '' ? {} : { name }) };
}

function textOf(attachment: JsonObject, names: readonly string[]): string {
  for (const name of names) {
    const value = attachment[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return '';
}
