import { randomUUID } from 'node:crypto';
import type { ClientToken, JsonObject } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Caller } from '../../../packages/server/src/engine/caller.ts';
import type { ClientsFacade } from '../../../packages/server/src/engine/facade-clients.ts';
import { createClients } from '../../../packages/server/src/store/clients.ts';
import { createIdentity } from '../../../packages/server/src/store/identity.ts';
import { Pool } from '../../../packages/server/src/store/pool.ts';
import { createRateLimiter } from '../../../packages/server/src/store/rate-limits.ts';
import { createRetention } from '../../../packages/server/src/store/retention.ts';
import { createDatabase, type TestDatabase } from './database.ts';

let database: TestDatabase;
let pool: Pool;
let clients: ClientsFacade;
let admin: Caller;

beforeAll(async () => {
  database = await createDatabase();
  pool = new Pool(database.target, { part: 'reads', size: 4 });
  clients = createClients(pool, createRateLimiter(pool));
  const identity = createIdentity(pool);
  await identity.ensureFirst('a preset key that somebody chose');
  const caller = await identity.authenticate('a preset key that somebody chose', 'native');
  if (caller === null) throw new Error('the key does not work');
  admin = caller;
});
afterAll(async () => {
  await pool.close();
  await database[Symbol.asyncDispose]();
});

async function newToken(): Promise<{ organizationId: number; token: ClientToken; secret: string }> {
  const { token: secret, ...token } = await clients.createToken(admin, { name: 'page', origins: ['*'] });
  return { organizationId: 1, token, secret };
}

/** A run whose face names a session, as a page's own run does. */
async function runOf(client: {
  sessionId: string;
  tokenId: string;
  conversationId: string;
}): Promise<string> {
  const id = randomUUID();
  await database.sql`
    insert into runs (id, number, organization_id, created_by, mode, kind, origin, metadata, face, created_at)
    values (${id}, nextval('run_number'), 1, ${JSON.stringify({ type: 'key', id: client.sessionId, name: 'client' })},
      'managed', 'agent', 'runtype', '{}', ${JSON.stringify({ client })}, now())`;
  return id;
}

describe('sessions of client tokens', () => {
  it('are found by what the page sends, which is kept nowhere', async () => {
    const token = await newToken();
    expect(await clients.findToken(token.secret)).toMatchObject({
      organizationId: 1,
      token: { id: token.token.id },
    });
    const { secret, session } = await clients.beginSession(token, { origin: 'https://a.example' });
    expect(secret).toMatch(/^clsess_[\w-]{43}$/);
    expect(session).toMatchObject({ organizationId: 1, origin: 'https://a.example', tools: null });
    const leftMs = Date.parse(session.expiresAt) - Date.now();
    expect([leftMs > 23.9 * 3_600_000, leftMs < 24.1 * 3_600_000]).toEqual([true, true]);
    expect(await clients.findSession(secret)).toEqual({
      ...session,
      token: { ...session.token, lastUsedAt: expect.any(String) as string },
    });
    expect(await clients.findSession(session.id)).toBeNull();
    const rows = await database.sql`select 1 from client_sessions s where s::text like ${`%${secret}%`}`;
    expect(rows).toHaveLength(0);
  });

  it('take up the conversation and tools of an earlier one of the same token, and of no other', async () => {
    const [token, other] = [await newToken(), await newToken()];
    const first = await clients.beginSession(token, { origin: null });
    const tools: JsonObject[] = [{ name: 'cart', description: 'adds' }];
    await clients.keepTools(first.session.id, tools, '1:abc');
    await database.sql`update client_sessions set expires_at = now() - interval '1 h' where id = ${first.session.id}`;
    expect(await clients.findSession(first.secret)).toBeNull();
    const { conversationId } = first.session;
    const kept = { conversationId, tools, toolsFingerprint: '1:abc' };
    const bySecret = await clients.beginSession(token, { origin: null, continues: { secret: first.secret } });
    expect(bySecret.session).toMatchObject(kept);
    const byId = await clients.beginSession(token, { origin: null, continues: { conversationId } });
    expect(byId.session).toMatchObject(kept);
    for (const continues of [
      { secret: first.secret },
      { conversationId },
      { conversationId: 'no \u0000 uuid' },
    ]) {
      const { session } = await clients.beginSession(other, { origin: null, continues });
      expect(session.conversationId).not.toBe(conversationId);
      expect(session.tools).toBeNull();
    }
  });

  it('keep an empty set of tools as one that was sent', async () => {
    const { secret, session } = await clients.beginSession(await newToken(), { origin: null });
    await clients.keepTools(session.id, [], null);
    expect(await clients.findSession(secret)).toMatchObject({ tools: [], toolsFingerprint: null });
  });

  it('end with their token', async () => {
    const token = await newToken();
    const { secret } = await clients.beginSession(token, { origin: null });
    await clients.revokeToken(admin, token.token.id);
    expect(await clients.findSession(secret)).toBeNull();
    expect(await clients.findToken(token.secret)).toBeNull();
  });

  it('are told of a run that one of them has started, while its conversation has a live one', async () => {
    const token = await newToken();
    const { secret, session } = await clients.beginSession(token, { origin: null });
    const client = { sessionId: session.id, tokenId: token.token.id, conversationId: session.conversationId };
    const runId = await runOf(client);
    expect(await clients.sessionOfRun(runId)).toMatchObject({ id: session.id });
    await database.sql`update client_sessions set expires_at = now() where id = ${session.id}`;
    expect(await clients.sessionOfRun(runId)).toBeNull();
    const next = await clients.beginSession(token, { origin: null, continues: { secret } });
    expect(await clients.sessionOfRun(runId)).toMatchObject({ id: next.session.id });
    await clients.beginSession(token, { origin: null });
    expect(await clients.sessionOfRun(await runOf({ ...client, conversationId: randomUUID() }))).toBeNull();
    expect(await clients.sessionOfRun('not a uuid')).toBeNull();
  });

  it('are not told of a run that a key has started, whatever its face says', async () => {
    const token = await newToken();
    const { session } = await clients.beginSession(token, { origin: null });
    const runId = await runOf({
      sessionId: session.id,
      tokenId: token.token.id,
      conversationId: session.conversationId,
    });
    const by = JSON.stringify({ type: 'principal', id: admin.principalId, name: 'admin' });
    await database.sql`update runs set created_by = ${by} where id = ${runId}`;
    expect(await clients.sessionOfRun(runId)).toBeNull();
  });

  it('are deleted 7 days after they have expired', async () => {
    const token = await newToken();
    const old = await clients.beginSession(token, { origin: null });
    const late = await clients.beginSession(token, { origin: null });
    await database.sql`update client_sessions set expires_at = now() - interval '8 days' where id = ${old.session.id}`;
    await database.sql`update client_sessions set expires_at = now() - interval '6 days' where id = ${late.session.id}`;
    const retention = createRetention(pool);
    expect([await retention.expiredClientSessions(100), await retention.expiredClientSessions(100)]).toEqual([
      1, 0,
    ]);
    const left = await database.sql<
      { id: string }[]
    >`select id from client_sessions where token_id = ${token.token.id}`;
    expect(left.map((row) => row.id)).toEqual([late.session.id]);
  });
});

describe('feedback', () => {
  it('is one of each type and message in a session, and stays when the session goes', async () => {
    const token = await newToken();
    const { session } = await clients.beginSession(token, { origin: null });
    const vote = { type: 'upvote', messageId: 'm1', rating: null, comment: null, metadata: null };
    const first = await clients.giveFeedback(session, vote);
    expect(first.created).toBe(true);
    const again = await clients.giveFeedback(session, {
      ...vote,
      comment: 'well \u0000 done',
      metadata: { a: 1 },
    });
    expect(again).toEqual({ id: first.id, created: false });
    expect((await clients.giveFeedback(session, { ...vote, type: 'downvote' })).created).toBe(true);
    expect((await clients.giveFeedback(session, { ...vote, messageId: 'm2' })).created).toBe(true);
    const twins = await Promise.all(
      [1, 2, 3, 4].map(() =>
        clients.giveFeedback(session, { ...vote, type: 'csat', messageId: '', rating: 5 }),
      ),
    );
    expect(twins.filter((twin) => twin.created)).toHaveLength(1);
    await clients.revokeToken(admin, token.token.id);
    const rows = await database.sql<{ type: string; comment: string | null; metadata: JsonObject | null }[]>`
      select type, comment, metadata from client_feedback where id = ${first.id}`;
    expect(rows).toEqual([{ type: 'upvote', comment: 'well \uFFFD done', metadata: { a: 1 } }]);
  });

  it('is deleted after 400 days', async () => {
    const token = await newToken();
    const { session } = await clients.beginSession(token, { origin: null });
    const vote = { type: 'upvote', messageId: 'm1', rating: null, comment: null, metadata: null };
    const old = await clients.giveFeedback(session, vote);
    const late = await clients.giveFeedback(session, { ...vote, messageId: 'm2' });
    await database.sql`update client_feedback set created_at = now() - interval '401 days' where id = ${old.id}`;
    await database.sql`update client_feedback set created_at = now() - interval '399 days' where id = ${late.id}`;
    const retention = createRetention(pool);
    expect([await retention.oldClientFeedback(100), await retention.oldClientFeedback(100)]).toEqual([1, 0]);
    const left = await database.sql<{ id: string }[]>`
      select id from client_feedback where token_id = ${token.token.id}`;
    expect(left.map((row) => row.id)).toEqual([late.id]);
  });
});
