import { cutText, type Json } from '@fermata/protocol';
import type { Asking } from './find-execution.ts';

/** Larger outputs do not fit an event beside what the engine adds to it, bytes of JSON. */
const MAX_OUTPUT_BYTES = 160 * 1024;
const PREVIEW_LENGTH = 4_000;

/** An output as the log keeps it: itself, or the address of the file that holds it, with the beginning of its text. */
export async function fitOutput({ engine, caller }: Asking, output: Json): Promise<Json> {
  const json = JSON.stringify(output);
  if (Buffer.byteLength(json) <= MAX_OUTPUT_BYTES) return output;
  const isText = typeof output === 'string';
  const text = isText ? output : json;
  const bytes = Buffer.from(text);
  const mediaType = isText ? 'text/plain; charset=utf-8' : 'application/json';
  const blob = await engine.blobs.put(caller, bytes, mediaType);
  const [preview] = cutText(text, PREVIEW_LENGTH);
  return { truncated: true, blob, mediaType, sizeBytes: bytes.byteLength, preview };
}
