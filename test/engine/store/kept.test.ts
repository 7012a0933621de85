import { createHash, randomBytes } from 'node:crypto';
import type { AgentFields, RunAgent } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Caller } from '../../../packages/server/src/engine/caller.ts';
import type { AgentsFacade } from '../../../packages/server/src/engine/facade-accounts.ts';
import { createAgents, type DefaultAgents } from '../../../packages/server/src/store/agents.ts';
import { createBlobs, createBlobStore } from '../../../packages/server/src/store/blobs.ts';
import { Pool } from '../../../packages/server/src/store/pool.ts';
import { createRecords } from '../../../packages/server/src/store/records.ts';
import { createSnapshotStore } from '../../../packages/server/src/store/snapshots.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { ACTOR, insertOrganization, insertRun } from './rows.ts';

const DEFAULT: RunAgent = { id: null, name: 'default', model: 'script/echo', version: null };

let database: TestDatabase;
let pool: Pool;
let agents: AgentsFacade;
const caller: Caller = {
  organizationId: 1,
  principalId: 'p1',
  keyId: 'k1',
  role: 'admin',
  actor: ACTOR,
  via: 'native',
};
const stranger: Caller = { ...caller, organizationId: 2 };
const missing = { code: 'not_found' };
let defaults: Partial<Record<Caller['via'], ReturnType<DefaultAgents['of']>>> = {};

beforeAll(async () => {
  database = await createDatabase();
  pool = new Pool(database.target, { part: 'reads', size: 4 });
  agents = createAgents(pool, { builtIn: DEFAULT, of: (face) => defaults[face] ?? null });
  await insertOrganization(database.sql, 1);
  await insertOrganization(database.sql, 2);
});
afterAll(async () => {
  await pool.close();
  await database[Symbol.asyncDispose]();
});

describe('agents', () => {
  const fields: AgentFields & { name: string } = {
    name: 'writer',
    model: 'script/echo',
    tools: [{ type: 'client', name: 'look' }],
    limits: { maxTurns: 3, maxTokens: 100 },
    metadata: { a: 1, b: { c: 2 } },
  };

  it('keep every version, and merge metadata and limits by key', async () => {
    const first = await agents.create(caller, fields);
    expect(first).toMatchObject({ ...fields, version: 1 });
    expect(first.id).toMatch(/^agent_/);
    const second = await agents.update(caller, first.id, {
      model: 'openai/gpt',
      limits: { maxTurns: null, maxCostUsd: 2 },
      metadata: { a: null, d: 3 },
    });
    expect(second).toMatchObject({
      version: 2,
      model: 'openai/gpt',
      limits: { maxTokens: 100, maxCostUsd: 2 },
      metadata: { b: { c: 2 }, d: 3 },
      tools: fields.tools,
    });
    expect(second.limits).not.toHaveProperty('maxTurns');
    expect(await agents.get(caller, first.id)).toEqual(second);
    expect(await agents.get(caller, first.id, 1)).toEqual(first);
    await expect(agents.get(caller, first.id, 3)).rejects.toMatchObject(missing);
  });

  it('make no version of a change that changes nothing', async () => {
    const agent = await agents.create(caller, fields);
    expect(await agents.update(caller, agent.id, { model: 'script/echo', metadata: { a: 1 } })).toEqual(
      agent,
    );
  });

  it('lose no change when two come at once', async () => {
    const agent = await agents.create(caller, fields);
    await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        agents.update(caller, agent.id, { metadata: { [`k${index}`]: index } }),
      ),
    );
    const last = await agents.get(caller, agent.id);
    expect(last.version).toBe(9);
    expect(Object.keys(last.metadata ?? {})).toHaveLength(10);
  });

  it('have tools of different names', async () => {
    const tools = [...(fields.tools ?? []), ...(fields.tools ?? [])];
    await expect(agents.create(caller, { ...fields, tools })).rejects.toMatchObject({
      code: 'invalid_request',
      details: { errors: [{ path: 'tools.1.name' }] },
    });
    const agent = await agents.create(caller, fields);
    await expect(agents.update(caller, agent.id, { tools })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });

  it('are listed newest first until they are deleted, and hidden from strangers', async () => {
    await database.sql`truncate agents cascade`;
    const made: string[] = [];
    for (const name of ['alpha', 'beta', '100%', 'gamma'])
      made.push((await agents.create(caller, { name })).id);
    const names = async (query: Parameters<AgentsFacade['list']>[1]): Promise<string[]> =>
      (await agents.list(caller, query)).data.map((agent) => agent.name);
    expect(await names({})).toEqual(['gamma', '100%', 'beta', 'alpha']);
    expect(await names({ q: 'ET' })).toEqual(['beta']);
    expect(await names({ q: '%' })).toEqual(['100%']);
    const page = await agents.list(caller, { limit: 3, total: true });
    expect(page.total).toBe(4);
    expect(await names({ cursor: page.nextCursor ?? '' })).toEqual(['alpha']);
    await agents.delete(caller, made[0] ?? '');
    await expect(agents.get(caller, made[0] ?? '')).rejects.toMatchObject(missing);
    await expect(agents.delete(caller, made[0] ?? '')).rejects.toMatchObject(missing);
    await expect(agents.update(stranger, made[1] ?? '', {})).rejects.toMatchObject(missing);
    await expect(agents.get(caller, 'x\u0000')).rejects.toMatchObject(missing);
    expect((await agents.list(stranger, {})).data).toEqual([]);
    expect(await agents.defaultAgent(caller)).toEqual(DEFAULT);
  });

  it('may be the agent of requests that name none, by face', async () => {
    const saved = await agents.create(caller, { name: 'front desk', model: 'script/slow' });
    defaults = {
      telnyx: { agentId: saved.id },
      codegen: { fields: { name: 'coder' } },
      runtype: { agentId: 'agent_0' },
    };
    const { id, version } = saved;
    expect(await agents.defaultAgent({ ...caller, via: 'telnyx' })).toMatchObject({
      id,
      version,
      model: 'script/slow',
    });
    expect(await agents.defaultAgent({ ...caller, via: 'codegen' })).toMatchObject({
      id: null,
      name: 'coder',
      model: DEFAULT.model,
    });
    expect(await agents.defaultAgent(caller)).toEqual(DEFAULT);
    await expect(agents.defaultAgent({ ...caller, via: 'runtype' })).rejects.toMatchObject({
      code: 'not_configured',
    });
  });
});

describe('blobs', () => {
  const store = (): ReturnType<typeof createBlobStore> => createBlobStore(pool, { maxBytes: 200_000 });

  it('are kept once under their SHA-256, and touched when they come again', async () => {
    const blobs = createBlobs(store());
    const bytes = randomBytes(100_000);
    const url = await blobs.put(caller, bytes, 'image/png');
    expect(url).toBe(`blob:sha256-${createHash('sha256').update(bytes).digest('hex')}`);
    await database.sql`update blobs set touched_at = now() - interval '2 days'`;
    expect(await Promise.all([1, 2, 3].map(() => blobs.put(caller, bytes, 'image/png')))).toEqual([
      url,
      url,
      url,
    ]);
    expect(
      await database.sql`select count(*)::int as n from blobs where touched_at > now() - interval '1 hour'`,
    ).toEqual([{ n: 1 }]);
    for (const name of [url, url.slice(5), url.slice(12)]) {
      const blob = await blobs.get(caller, name);
      expect(blob.mediaType).toBe('image/png');
      expect(Buffer.compare(blob.bytes, bytes)).toBe(0);
    }
    await expect(blobs.get(stranger, url)).rejects.toMatchObject(missing);
    for (const name of ['', 'sha256-xyz', `${url}0`]) {
      await expect(blobs.get(caller, name)).rejects.toMatchObject(missing);
    }
  });

  it('are stored once when they come from many at once', async () => {
    const bytes = randomBytes(1000);
    const names = await Promise.all(Array.from({ length: 12 }, () => store().put(1, bytes, 'a/b')));
    expect(new Set(names).size).toBe(1);
  });

  it('are refused when they are too large, and carry no header of their own making', async () => {
    await expect(store().put(1, new Uint8Array(200_001), 'a/b')).rejects.toMatchObject({
      code: 'payload_too_large',
    });
    const digest = await store().put(1, Buffer.from('<script>'), 'text/html\r\nset-cookie: a=b');
    expect((await store().get(1, digest))?.mediaType).toBe('application/octet-stream');
    expect(
      (await store().get(1, await store().put(1, new Uint8Array(0), 'text/plain; charset=utf-8')))?.mediaType,
    ).toBe('text/plain; charset=utf-8');
  });

  it('are not given out when the stored bytes are not theirs', async () => {
    const digest = await store().put(1, Buffer.from('true'), 'a/b');
    await database.sql`update blobs set bytes = '\\x00' where digest = decode(${digest}, 'hex')`;
    await expect(store().get(1, digest)).rejects.toMatchObject({ code: 'internal' });
  });
});

describe('records', () => {
  it('are put, replaced, listed and deleted in their collection', async () => {
    const records = createRecords(pool);
    for (const id of ['a', 'b', 'c']) await records.put(caller, 'telnyx', 'tools', id, { id, n: 1 });
    await records.put(caller, 'telnyx', 'tools', 'a', { id: 'a', n: 2 });
    await records.put(caller, 'codegen', 'tools', 'a', { other: true });
    expect(await records.get(caller, 'telnyx', 'tools', 'a')).toEqual({ id: 'a', n: 2 });
    expect(await records.get(stranger, 'telnyx', 'tools', 'a')).toBeNull();
    const page = await records.list(caller, 'telnyx', 'tools', { limit: 2, total: true });
    expect(page.data.map((record) => record.id)).toEqual(['a', 'b']);
    expect(page.total).toBe(3);
    const rest = await records.list(caller, 'telnyx', 'tools', { cursor: page.nextCursor ?? '' });
    expect(rest).toMatchObject({ data: [{ id: 'c', data: { id: 'c', n: 1 } }], nextCursor: null });
    const reversed = await records.list(caller, 'telnyx', 'tools', { order: 'desc', offset: 1 });
    expect(reversed.data.map((record) => record.id)).toEqual(['b', 'a']);
    expect(await records.delete(caller, 'telnyx', 'tools', 'a')).toBe(true);
    expect(await records.delete(caller, 'telnyx', 'tools', 'a')).toBe(false);
    expect(await records.get(caller, 'codegen', 'tools', 'a')).toEqual({ other: true });
  });

  it('are gone when they have expired, and begin anew', async () => {
    const records = createRecords(pool);
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    await records.put(caller, 'runtype', 'tokens', 't', { n: 1 }, soon);
    await records.put(caller, 'runtype', 'tokens', 't', { n: 2 });
    expect(await database.sql`select expires_at from records where id = 't'`).toEqual([{ expires_at: soon }]);
    await records.put(caller, 'runtype', 'tokens', 't', { n: 3 }, null);
    expect(await database.sql`select expires_at from records where id = 't'`).toEqual([{ expires_at: null }]);
    await records.put(caller, 'runtype', 'tokens', 't', { n: 4 }, new Date(Date.now() - 1000).toISOString());
    expect(await records.get(caller, 'runtype', 'tokens', 't')).toBeNull();
    expect((await records.list(caller, 'runtype', 'tokens', { total: true })).total).toBe(0);
    expect(await records.delete(caller, 'runtype', 'tokens', 't')).toBe(false);
    await records.put(caller, 'runtype', 'tokens', 't', { n: 5 });
    expect(await records.get(caller, 'runtype', 'tokens', 't')).toEqual({ n: 5 });
  });

  it('take any JSON object', async () => {
    const records = createRecords(pool);
    const data = { 'a\u0000b': '\ud800', quote: '"\\', deep: [{ x: null }] };
    await records.put(caller, 'native', 'odd', 'id', data);
    expect(await records.get(caller, 'native', 'odd', 'id')).toEqual({
      'a\ufffdb': '\ufffd',
      quote: '"\\',
      deep: [{ x: null }],
    });
    await expect(records.put(caller, 'native', 'odd', 'i\u0000d', {})).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});

describe('snapshots', () => {
  it('go forward only, but for another fold version', async () => {
    const snapshots = createSnapshotStore(pool);
    const { id } = await insertRun(database.sql);
    expect(await snapshots.get(id)).toBeNull();
    await snapshots.put(id, { foldVersion: 1, seq: 20, data: { messages: ['"'] } });
    await snapshots.put(id, { foldVersion: 1, seq: 10, data: {} });
    expect(await snapshots.get(id)).toEqual({ foldVersion: 1, seq: 20, data: { messages: ['"'] } });
    await snapshots.put(id, { foldVersion: 2, seq: 5, data: {} });
    expect(await snapshots.get(id)).toEqual({ foldVersion: 2, seq: 5, data: {} });
  });
});
