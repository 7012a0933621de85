import type { Part } from '@fermata/protocol';
import type { Caller } from '../../engine/caller.ts';
import type { Engine } from '../../engine/facade.ts';
import { decodeDataUri } from '../data-uri.ts';
import { CodegenError } from './errors.ts';
import { InvalidRequest } from './validation.ts';

/** All images of one request together, bytes. */
export const MAX_IMAGES_BYTES = 25 * 1024 * 1024;

/** Longer text does not fit an event, and is kept as a file that the model reads, bytes. */
const MAX_PROMPT_BYTES = 160 * 1024;

const BASE64_URI = /^data:[^,]{0,1000};base64,/i;

export interface Image {
  bytes: Uint8Array;
  mediaType: string;
}

/** The images of a request, checked before anything is looked up. Throws 422 and 413. */
export function decodeImages(images: readonly string[] | undefined): Image[] {
  const decoded = (images ?? []).map((uri, index) => decodeImage(uri, index));
  const total = decoded.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  if (total > MAX_IMAGES_BYTES) {
    throw new CodegenError(
      'payload_too_large',
      `The images have more than ${MAX_IMAGES_BYTES / 1024 / 1024} MB together.`,
    );
  }
  return decoded;
}

/** A prompt with its images as parts of a message, what is big stored. */
export async function promptParts(
  { engine, caller }: { engine: Engine; caller: Caller },
  prompt: string,
  images: readonly Image[],
): Promise<Part[]> {
  const parts: Part[] = [];
  if (Buffer.byteLength(prompt) > MAX_PROMPT_BYTES) {
    const url = await engine.blobs.put(caller, Buffer.from(prompt), 'text/plain');
    parts.push({ type: 'file', url, mediaType: 'text/plain', name: 'prompt.txt' });
  } else if (prompt !== '' || images.length === 0) {
    parts.push({ type: 'text', text: prompt });
  }
  for (const { bytes, mediaType } of images) {
    parts.push({ type: 'image', url: await engine.blobs.put(caller, bytes, mediaType), mediaType });
  }
  return parts;
}

/** The type is that of the content: labels lie. */
function decodeImage(uri: string, index: number): Image {
  const data = BASE64_URI.test(uri) ? decodeDataUri(uri) : null;
  if (data === null) throw invalidImage(index, 'images must be base64 data URIs');
  const mediaType = imageTypeOf(Buffer.from(data.bytes.buffer, data.bytes.byteOffset, data.bytes.byteLength));
  if (mediaType === null) {
    throw invalidImage(index, 'images must be PNG, JPEG, GIF, WebP, AVIF, HEIC, BMP or TIFF');
  }
  return { bytes: data.bytes, mediaType };
}

function invalidImage(index: number, message: string): InvalidRequest {
  return new InvalidRequest([
    { type: 'value_error', loc: ['body', 'images', index], msg: `Value error, ${message}` },
  ]);
}

/** The media type by the first bytes, or null. */
export function imageTypeOf(bytes: Buffer): string | null {
  const begins = (text: string, at = 0): boolean =>
    bytes.subarray(at, at + text.length).equals(Buffer.from(text, 'latin1'));
  if (begins('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (begins('\xff\xd8\xff')) return 'image/jpeg';
  if (begins('GIF87a') || begins('GIF89a')) return 'image/gif';
  if (begins('RIFF') && begins('WEBP', 8)) return 'image/webp';
  if (begins('ftyp', 4)) {
    if (begins('avif', 8) || begins('avis', 8)) return 'image/avif';
    if (begins('heic', 8) || begins('heix', 8) || begins('mif1', 8)) return 'image/heic';
  }
  if (begins('BM')) return 'image/bmp';
  if (begins('II*\0') || begins('MM\0*')) return 'image/tiff';
  return null;
}
