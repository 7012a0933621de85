import { cutText, isJsonObject, type Json } from '@fermata/protocol';
import { runFields, type Segment } from '../segment-context.ts';

const PREVIEW_LENGTH = 4_000;

const TRIES = 4;
const DELAY_MS = 500;

/**
 * A tool's output as the log keeps it: itself, or, when it is too big for an event, the address of the blob that
 * holds it with the beginning of its text. Never rejects: what the tool did must be told even if the rest of its
 * output cannot be stored (`blob: null`).
 */
export async function fitOutput(segment: Segment, output: Json): Promise<Json> {
  const isText = typeof output === 'string';
  const text = isText ? output : JSON.stringify(output);
  // JSON escapes make a string longer, so that its own length is not what the event holds.
  const sizeBytes = Buffer.byteLength(isText ? JSON.stringify(text) : text, 'utf8');
  if (sizeBytes <= segment.limits.outputBytes) return output;
  const mediaType = isText ? 'text/plain; charset=utf-8' : 'application/json';
  const bytes = Buffer.from(text, 'utf8');
  const blob = await storeBlob(segment, bytes, mediaType);
  const [preview] = cutText(text, PREVIEW_LENGTH);
  return { truncated: true, blob, mediaType, sizeBytes: bytes.byteLength, preview };
}

async function storeBlob(
  { deps, run, stop }: Segment,
  bytes: Uint8Array,
  mediaType: string,
): Promise<string | null> {
  for (let tries = 1; ; tries += 1) {
    try {
      return `blob:sha256-${await deps.blobs.put(run.organizationId, bytes, mediaType)}`;
    } catch (error) {
      if (tries >= TRIES || stop.aborted) {
        deps.log.error({ ...runFields(run), error }, 'a tool output could not be stored');
        return null;
      }
      await deps.clock.sleep(DELAY_MS * tries, stop);
    }
  }
}

/** The inverse of `fitOutput`: the whole of an output that the log names the blob of. What is not there stays as it is. */
export async function loadOutput({ deps, run }: Segment, output: Json): Promise<Json> {
  if (!isJsonObject(output) || output['truncated'] !== true || typeof output['blob'] !== 'string')
    return output;
  const digest = /^blob:sha256-([0-9a-f]{64})$/.exec(output['blob'])?.[1];
  const blob = digest === undefined ? null : await deps.blobs.get(run.organizationId, digest);
  if (blob === null) return output;
  const text = Buffer.from(blob.bytes).toString('utf8');
  if (!blob.mediaType.startsWith('application/json')) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    // A tool may say the same of a file that is not ours.
    return output;
  }
}
