import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Caller } from '../../../packages/server/src/engine/caller.ts';
import { createIdentity, type Identity } from '../../../packages/server/src/store/identity.ts';
import { Pool } from '../../../packages/server/src/store/pool.ts';
import { createDatabase, type TestDatabase } from './database.ts';

const PRESET = 'a preset key that somebody chose';

let database: TestDatabase;
let pool: Pool;
let identity: Identity;
let admin: Caller;
beforeAll(async () => {
  database = await createDatabase();
  pool = new Pool(database.target, { part: 'reads', size: 8 });
});
afterAll(async () => {
  await pool.close();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await database.sql`truncate organizations, principals, keys restart identity cascade`;
  identity = createIdentity(pool);
  await identity.ensureFirst(PRESET);
  admin = await callerOf(PRESET);
});

async function callerOf(secret: string, from: Identity = identity): Promise<Caller> {
  const caller = await from.authenticate(secret, 'native');
  if (caller === null) throw new Error('the key does not work');
  return caller;
}

describe('the first admin', () => {
  it('is made once by five starters at the same time', async () => {
    await database.sql`truncate organizations, principals, keys restart identity cascade`;
    const starters = await Promise.all(
      Array.from({ length: 5 }, () => new Pool(database.target, { part: 'starter', size: 1 })),
    );
    const results = await Promise.all(starters.map((starter) => createIdentity(starter).ensureFirst(PRESET)));
    await Promise.all(starters.map((starter) => starter.close()));
    expect(results.filter((result) => result.isNew)).toHaveLength(1);
    expect(new Set(results.map((result) => result.keyId)).size).toBe(1);
    expect(results.every((result) => result.isUsable)).toBe(true);
    const caller = await callerOf(PRESET);
    expect(caller).toMatchObject({
      organizationId: 1,
      role: 'admin',
      via: 'native',
      actor: { name: 'admin' },
    });
    expect(await identity.principal(caller, '1')).toMatchObject({ number: 1, name: 'admin', role: 'admin' });
    expect((await identity.organization(caller)).id).toBe(1);
    expect((await identity.createPrincipal(caller, { name: 'Bea', role: 'viewer' })).number).toBe(2);
  });

  it('gets a key beside the old one when another is preset', async () => {
    expect(await identity.ensureFirst('another key')).toMatchObject({ isNew: true, isUsable: true });
    expect((await callerOf('another key')).principalId).toBe(admin.principalId);
    expect((await callerOf(PRESET)).principalId).toBe(admin.principalId);
  });

  it('stays revoked when its key was revoked', async () => {
    await identity.ensureFirst('another key');
    await identity.revokeKey(admin, admin.keyId);
    expect(await identity.ensureFirst(PRESET)).toMatchObject({ isNew: false, isUsable: false });
    expect(await identity.authenticate(PRESET, 'native')).toBeNull();
  });
});

describe('a key', () => {
  it('is shown once, kept as a hash, and works until it is revoked or expires', async () => {
    const key = await identity.createKey(admin, { name: 'ci', role: 'operator' });
    expect(key.secret).toMatch(/^fermata_[\w-]{43}$/);
    expect(key.secret.startsWith(key.prefix)).toBe(true);
    expect(JSON.stringify(await database.sql`select * from keys`)).not.toContain(key.secret.slice(8));
    expect(await callerOf(key.secret)).toMatchObject({ role: 'operator', keyId: key.id });
    expect((await identity.revokeKey(admin, key.id)).revokedAt).not.toBeNull();
    expect(await identity.authenticate(key.secret, 'native')).toBeNull();
    expect((await identity.revokeKey(admin, key.id)).id).toBe(key.id);

    const brief = await identity.createKey(admin, {
      name: 'brief',
      role: 'viewer',
      expiresAt: new Date(Date.now() + 60).toISOString(),
    });
    await callerOf(brief.secret);
    await vi.waitFor(async () => expect(await identity.authenticate(brief.secret, 'native')).toBeNull());
    for (const secret of ['', 'nonsense', 'x\u0000y', '🎵'.repeat(1000)]) {
      expect(await identity.authenticate(secret, 'native')).toBeNull();
    }
  });

  it('that was revoked in another process stops working here within the cache time', async () => {
    const other = createIdentity(pool, { cacheMs: 200 });
    const { secret, id } = await identity.createKey(admin, { name: 'ci', role: 'viewer' });
    await callerOf(secret, other);
    await identity.revokeKey(admin, id);
    expect(await identity.authenticate(secret, 'native')).toBeNull();
    await vi.waitFor(async () => expect(await other.authenticate(secret, 'native')).toBeNull(), {
      interval: 20,
    });
  });

  it('works at once in every process, also where it was tried before', async () => {
    const other = createIdentity(pool);
    expect(await other.authenticate('soon', 'native')).toBeNull();
    await identity.ensureFirst('soon');
    await callerOf('soon', other);
  });

  it('is looked up once for many requests at the same time', async () => {
    const fresh = createIdentity(pool);
    const read = vi.spyOn(pool, 'read');
    await Promise.all(Array.from({ length: 50 }, () => callerOf(PRESET, fresh)));
    await callerOf(PRESET, fresh);
    expect(read).toHaveBeenCalledTimes(1);
    read.mockRestore();
  });

  it('notes when it was last used', async () => {
    const { secret, id } = await identity.createKey(admin, { name: 'ci', role: 'viewer' });
    expect((await identity.key(admin, id)).lastUsedAt).toBeNull();
    await callerOf(secret);
    expect((await identity.key(admin, id)).lastUsedAt).not.toBeNull();
  });

  it('can do no more than its principal', async () => {
    const bea = await identity.createPrincipal(admin, { name: 'Bea', role: 'developer' });
    const { secret } = await identity.createKey(admin, { name: 'b', role: 'developer', principalId: bea.id });
    await expect(
      identity.createKey(admin, { name: 'b', role: 'admin', principalId: bea.id }),
    ).rejects.toMatchObject({ code: 'invalid_request' });
    await identity.updatePrincipal(admin, bea.id, { role: 'viewer' });
    expect((await callerOf(secret)).role).toBe('viewer');
    await identity.updatePrincipal(admin, bea.id, { disabled: true });
    expect(await identity.authenticate(secret, 'native')).toBeNull();
    await identity.updatePrincipal(admin, bea.id, { disabled: false, role: 'developer' });
    expect((await callerOf(secret)).role).toBe('developer');
  });
});

describe('roles', () => {
  it('nobody makes or changes what is stronger than themselves', async () => {
    const bea = await identity.createPrincipal(admin, { name: 'Bea', role: 'developer' });
    const { secret } = await identity.createKey(admin, { name: 'b', role: 'developer', principalId: bea.id });
    const developer = await callerOf(secret);
    const refused = { code: 'forbidden' };
    await expect(identity.createKey(developer, { name: 'x', role: 'admin' })).rejects.toMatchObject(refused);
    await expect(
      identity.createKey(developer, { name: 'x', role: 'viewer', principalId: admin.principalId }),
    ).rejects.toMatchObject(refused);
    await expect(identity.createPrincipal(developer, { name: 'x', role: 'admin' })).rejects.toMatchObject(
      refused,
    );
    await expect(identity.updatePrincipal(developer, bea.id, { role: 'admin' })).rejects.toMatchObject(
      refused,
    );
    await expect(
      identity.updatePrincipal(developer, admin.principalId, { name: 'gone' }),
    ).rejects.toMatchObject(refused);
    await expect(identity.revokeKey(developer, admin.keyId)).rejects.toMatchObject(refused);
    expect((await identity.createKey(developer, { name: 'x', role: 'developer' })).role).toBe('developer');
  });

  it('the last admin cannot be disabled, weakened or revoked', async () => {
    const refused = { code: 'forbidden' };
    const me = admin.principalId;
    await expect(identity.updatePrincipal(admin, me, { disabled: true })).rejects.toMatchObject(refused);
    await expect(identity.updatePrincipal(admin, me, { role: 'developer' })).rejects.toMatchObject(refused);
    await expect(identity.revokeKey(admin, admin.keyId)).rejects.toMatchObject(refused);
    await callerOf(PRESET);
    const second = await identity.createPrincipal(admin, { name: 'Zoe', role: 'admin' });
    await expect(identity.revokeKey(admin, admin.keyId)).rejects.toMatchObject(refused);
    await identity.createKey(admin, { name: 'z', role: 'admin', principalId: second.id });
    expect((await identity.revokeKey(admin, admin.keyId)).revokedAt).not.toBeNull();
  });

  it('of two admins who disable each other at once, one stays', async () => {
    const second = await identity.createPrincipal(admin, { name: 'Zoe', role: 'admin' });
    const { secret } = await identity.createKey(admin, { name: 'z', role: 'admin', principalId: second.id });
    const zoe = await callerOf(secret);
    const results = await Promise.allSettled([
      identity.updatePrincipal(admin, second.id, { disabled: true }),
      identity.updatePrincipal(zoe, admin.principalId, { disabled: true }),
    ]);
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });

  it('a stranger finds nothing', async () => {
    await database.sql`insert into organizations (id, uuid, name) values (2, ${randomUUID()}, 'other')`;
    const stranger: Caller = { ...admin, organizationId: 2 };
    const missing = { code: 'not_found' };
    await expect(identity.principal(stranger, admin.principalId)).rejects.toMatchObject(missing);
    await expect(identity.key(stranger, admin.keyId)).rejects.toMatchObject(missing);
    await expect(identity.revokeKey(stranger, admin.keyId)).rejects.toMatchObject(missing);
    await expect(identity.updatePrincipal(stranger, '1', {})).rejects.toMatchObject(missing);
    expect((await identity.keys(stranger, {})).data).toEqual([]);
    for (const id of ['no', 'x\u0000', '99', '0']) {
      await expect(identity.principal(admin, id)).rejects.toMatchObject(missing);
      await expect(identity.key(admin, id)).rejects.toMatchObject(missing);
    }
  });
});

describe('a repeated request', () => {
  const idempotency = (body: string): { idempotency: Parameters<Identity['createKey']>[2] } => ({
    idempotency: {
      idempotency: {
        scope: Buffer.from('scope'.padEnd(32)).toString('hex'),
        fingerprint: Buffer.from(body.padEnd(32)).toString('hex'),
        encode: (result) => ({ status: 201, body: JSON.stringify(result) }),
      },
    },
  });
  beforeEach(() => database.sql`truncate replies`);

  it('of many at once makes one key, and the others get its reply without the secret', async () => {
    const { idempotency: options } = idempotency('body');
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => identity.createKey(admin, { name: 'once', role: 'viewer' }, options)),
    );
    const made = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(made).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'fulfilled') continue;
      expect(result.reason).toMatchObject({
        name: 'ReplayedReply',
        reply: { status: 201, body: JSON.stringify({ ...made[0], secret: null }) },
      });
    }
    expect((await identity.keys(admin, { total: true })).total).toBe(2);
  });

  it('with another body is a conflict, and a refusal is not kept', async () => {
    await expect(
      identity.createKey(
        { ...admin, role: 'viewer' },
        { name: 'a', role: 'admin' },
        idempotency('a').idempotency,
      ),
    ).rejects.toMatchObject({ code: 'forbidden' });
    await identity.createKey(admin, { name: 'a', role: 'viewer' }, idempotency('a').idempotency);
    await expect(
      identity.createKey(admin, { name: 'b', role: 'viewer' }, idempotency('b').idempotency),
    ).rejects.toMatchObject({ code: 'idempotency_conflict' });
    await database.sql`update replies set expires_at = now()`;
    await identity.createKey(admin, { name: 'b', role: 'viewer' }, idempotency('b').idempotency);
  });

  it('is never begun after its deadline', async () => {
    await expect(
      identity.createKey(admin, { name: 'late', role: 'viewer' }, { deadlineAt: Date.now() - 1 }),
    ).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('says in flight when the first does not end in time', async () => {
    const { idempotency: options } = idempotency('body');
    await database.sql`begin`;
    await database.sql`select pg_advisory_xact_lock(hashtextextended(${options?.idempotency?.scope ?? ''}, 0))`;
    const error = identity.createKey(admin, { name: 'x', role: 'viewer' }, options);
    await expect(error).rejects.toMatchObject({ code: 'idempotency_in_flight' });
    await database.sql`commit`;
  });
});

describe('lists of keys and principals', () => {
  it('go on from a cursor, in both orders, with a total', async () => {
    for (let count = 0; count < 7; count++) {
      await identity.createPrincipal(admin, {
        name: `p${count}`,
        role: 'viewer',
        type: 'service',
        email: 'a@b.c',
      });
    }
    for (const order of ['asc', 'desc'] as const) {
      const numbers: number[] = [];
      let cursor: string | null | undefined;
      while (cursor !== null) {
        const page = await identity.principals(admin, {
          limit: 3,
          order,
          total: true,
          cursor: cursor ?? undefined,
        });
        expect(page.total).toBe(8);
        numbers.push(...page.data.map((principal) => principal.number));
        cursor = page.nextCursor;
      }
      expect(numbers).toEqual(order === 'asc' ? [1, 2, 3, 4, 5, 6, 7, 8] : [8, 7, 6, 5, 4, 3, 2, 1]);
    }
    const [second] = (await identity.principals(admin, { offset: 1, limit: 1 })).data;
    expect(second?.number).toBe(2);
    const foreign = (await identity.principals(admin, { limit: 1 })).nextCursor ?? '';
    await expect(identity.keys(admin, { cursor: foreign })).rejects.toMatchObject({
      code: 'invalid_request',
    });
    await expect(identity.keys(admin, { cursor: '%%%' })).rejects.toMatchObject({ code: 'invalid_request' });
  });
});
