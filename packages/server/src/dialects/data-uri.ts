/** Largest file that a data URI may carry, bytes. */
export const MAX_BLOB_BYTES = 25 * 1024 * 1024;

export interface DataUri {
  bytes: Uint8Array;
  mediaType: string;
}

/** Decodes a `data:` URI (RFC 2397), base64 or percent-encoded; null when it is not one. */
export function decodeDataUri(uri: string): DataUri | null {
  const comma = uri.indexOf(',');
  if (comma === -1 || comma > 1024) return null;
  const head = /^data:([\w!#$&^.+-]+\/[\w!#$&^.+-]+)?((?:;[^;,]*)*)$/i.exec(uri.slice(0, comma));
  if (head === null) return null;
  const payload = uri.slice(comma + 1);
  const mediaType = (head[1] ?? 'text/plain').toLowerCase();
  const bytes = /;\s*base64$/i.test(head[2] ?? '') ? decodeBase64(payload) : decodePercent(payload);
  return bytes === null ? null : { bytes, mediaType };
}

/** `Buffer` skips what is not base64, so it is refused before. */
function decodeBase64(payload: string): Uint8Array | null {
  const text = payload.includes('%') ? payload.replaceAll(/%3d/gi, '=').replaceAll(/%2b/gi, '+') : payload;
  return /^[A-Za-z0-9+/_-]*={0,2}$/.test(text) ? Buffer.from(text, 'base64') : null;
}

function decodePercent(payload: string): Uint8Array | null {
  try {
    return Buffer.from(decodeURIComponent(payload), 'utf8');
  } catch {
    return null;
  }
}
