import { roleIncludes, type Role, type RunOrigin } from '@fermata/protocol';
import type { Caller } from '../engine/caller.ts';
import { hashOf } from './keys.ts';
import type { Pool } from './pool.ts';

export interface AuthenticationOptions {
  /** For how long a key that was revoked in another process may still work here, ms; less than 5 s. */
  cacheMs?: number;
  /** Keys of these roles may approve without naming the digest of the call. */
  digestOptionalRoles?: readonly Role[];
}

interface Known {
  caller: Omit<Caller, 'via'>;
  expiresAt: number;
  /** The cache entry is good until then, by `performance.now()`. */
  freshUntil: number;
}

interface KeyRow {
  id: string;
  organization_id: number;
  principal_id: string;
  key_role: Role;
  principal_role: Role;
  name: string;
  expires_at: string | null;
  is_used_lately: boolean;
}

const CACHE_MS = 4000;
const MOST_KNOWN = 1000;

/**
 * Looks keys up by SHA-256. Keys that work are remembered for some seconds; those that do not are not, so that a new
 * key works everywhere at once.
 */
export class Authentication {
  readonly #pool: Pool;
  readonly #cacheMs: number;
  readonly #digestOptionalRoles: readonly Role[];
  readonly #known = new Map<string, Known>();
  readonly #lookups = new Map<string, Promise<Known | null>>();
  #generation = 0;

  constructor(pool: Pool, options: AuthenticationOptions = {}) {
    this.#pool = pool;
    this.#cacheMs = options.cacheMs ?? CACHE_MS;
    this.#digestOptionalRoles = options.digestOptionalRoles ?? [];
  }

  async authenticate(secret: string, via: RunOrigin): Promise<Caller | null> {
    if (secret === '') return null;
    const hash = hashOf(secret);
    const known = this.#recall(hash.toString('hex')) ?? (await this.#look(hash));
    if (known === null || known.expiresAt <= Date.now()) return null;
    const mayOmitDigest = this.#digestOptionalRoles.includes(known.caller.role);
    return { ...known.caller, via, ...(mayOmitDigest ? { mayOmitDigest } : {}) };
  }

  /** A key or principal has changed in this process. A look-up that is under way is not remembered. */
  forget(): void {
    this.#generation++;
    this.#known.clear();
    this.#lookups.clear();
  }

  #recall(hex: string): Known | null {
    const known = this.#known.get(hex);
    if (known === undefined) return null;
    this.#known.delete(hex);
    if (known.freshUntil <= performance.now()) return null;
    // To the end of the line: the first of the map is the least recently used.
    this.#known.set(hex, known);
    return known;
  }

  /** Requests that come at once with the same key share one look-up. */
  #look(hash: Buffer): Promise<Known | null> {
    const hex = hash.toString('hex');
    const running = this.#lookups.get(hex);
    if (running !== undefined) return running;
    const generation = this.#generation;
    const lookup = this.#read(hash).then((known) => {
      if (known !== null && generation === this.#generation) this.#remember(hex, known);
      return known;
    });
    this.#lookups.set(hex, lookup);
    const done = (): void => {
      if (this.#lookups.get(hex) === lookup) this.#lookups.delete(hex);
    };
    lookup.then(done, done);
    return lookup;
  }

  #remember(hex: string, known: Known): void {
    this.#known.set(hex, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }

  async #read(hash: Buffer): Promise<Known | null> {
    const askedAt = performance.now();
    const [row] = await this.#pool.read(
      (sql) => sql<KeyRow[]>`
        select keys.id, keys.organization_id, keys.principal_id, keys.role as key_role, principals.role as principal_role,
          principals.name, keys.expires_at, coalesce(keys.last_used_at > now() - interval '1 minute', false) as is_used_lately
        from keys join principals on principals.id = keys.principal_id
        where keys.hash = ${hash} and keys.revoked_at is null and principals.disabled_at is null`,
    );
    if (row === undefined) return null;
    const expiresAt = row.expires_at === null ? Infinity : Date.parse(row.expires_at);
    if (expiresAt > Date.now() && !row.is_used_lately) await this.#noteUse(row.id);
    return {
      caller: {
        organizationId: row.organization_id,
        principalId: row.principal_id,
        keyId: row.id,
        role: roleIncludes(row.key_role, row.principal_role) ? row.principal_role : row.key_role,
        actor: { type: 'principal', id: row.principal_id, name: row.name },
      },
      expiresAt,
      freshUntil: askedAt + this.#cacheMs,
    };
  }

  /** Once a minute is enough; when it fails the request goes on. */
  async #noteUse(keyId: string): Promise<void> {
    try {
      await this.#pool.transaction((sql) => sql`update keys set last_used_at = now() where id = ${keyId}`);
    } catch {
      // The time of the last use is for people to look at.
    }
  }
}
