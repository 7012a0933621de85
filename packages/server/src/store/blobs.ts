import { createHash } from 'node:crypto';
import { EngineError } from '../engine/errors.ts';
import type { BlobsFacade } from '../engine/facade-accounts.ts';
import type { BlobStore } from '../engine/ports.ts';
import type { Pool } from './pool.ts';

export interface BlobOptions {
  /** Largest blob, bytes. */
  maxBytes?: number;
}

const MAX_BYTES = 32 * 1_048_576;
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+(\s*;\s*[\w.+-]+=("[^"\\\r\n]*"|[\w.+-]+))*$/;
const FALLBACK_TYPE = 'application/octet-stream';

/** Blobs by SHA-256. A blob that was there is touched, so that it is not collected before it is referred to. */
export function createBlobStore(pool: Pool, options: BlobOptions = {}): BlobStore {
  const maxBytes = options.maxBytes ?? MAX_BYTES;
  return {
    async put(organizationId, bytes, mediaType) {
      if (bytes.byteLength > maxBytes) {
        throw new EngineError('payload_too_large', `A file may have ${maxBytes} bytes at most`);
      }
      const digest = createHash('sha256').update(bytes).digest();
      const type = MEDIA_TYPE.test(mediaType) ? mediaType : FALLBACK_TYPE;
      await pool.transaction(async (sql) => {
        const touched = await sql`update blobs set touched_at = now()
          where organization_id = ${organizationId} and digest = ${digest}`;
        if (touched.count > 0) return;
        await sql`insert into blobs (organization_id, digest, media_type, size_bytes, bytes)
          values (${organizationId}, ${digest}, ${type}, ${bytes.byteLength}, ${Buffer.from(bytes)})
          on conflict (organization_id, digest) do update set touched_at = now()`;
      });
      return digest.toString('hex');
    },
    async get(organizationId, digest) {
      const hex = hexOf(digest);
      if (hex === null) return null;
      const key = Buffer.from(hex, 'hex');
      const [row] = await pool.read(
        (sql) => sql<{ media_type: string; bytes: Buffer }[]>`select media_type, bytes from blobs
          where organization_id = ${organizationId} and digest = ${key}`,
      );
      if (row === undefined) return null;
      if (!createHash('sha256').update(row.bytes).digest().equals(key)) {
        throw new EngineError('internal', `The stored bytes of blob ${hex} do not have this digest`);
      }
      return { bytes: row.bytes, mediaType: row.media_type };
    },
  };
}

/** What faces ask of blobs. */
export function createBlobs(store: BlobStore): BlobsFacade {
  return {
    put: async (caller, bytes, mediaType) =>
      `blob:sha256-${await store.put(caller.organizationId, bytes, mediaType)}`,
    async get(caller, digest) {
      const blob = await store.get(caller.organizationId, digest);
      if (blob === null) throw new EngineError('not_found', 'There is no such file');
      return blob;
    },
  };
}

/** The hex of `<hex>`, `sha256-<hex>` or `blob:sha256-<hex>`, or null. */
function hexOf(digest: string): string | null {
  return /^(?:blob:)?(?:sha256-)?([0-9a-f]{64})$/.exec(digest)?.[1] ?? null;
}
