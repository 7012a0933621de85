import { randomUUID } from 'node:crypto';
import type { AgentFields, Run, Wait } from '@fermata/protocol';
import { describe, expect, it, vi } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { cutRequest } from '../../world/cut-request.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';

const world = sharedWorld({ servers: 2 });

interface Mutation {
  method?: 'POST' | 'PATCH';
  path: string;
  body: Body;
  /** The run whose log must not grow the second time. */
  runId?: string;
}

interface Case {
  name: string;
  /** Brings a run (or what is needed) to where the mutation takes effect, and says the mutation. */
  prepare(): Promise<Mutation>;
  /** It changes nothing the second time even without a key. */
  isRepeatable: boolean;
}

const LATER = (): string => new Date(Date.now() + 3_600_000).toISOString();

async function queued(): Promise<Run> {
  return world().api.start({ input: 'x', startAt: LATER() });
}

async function waiting(model = 'script/approval'): Promise<{ run: Run; wait: Wait }> {
  const run = await world().api.start({
    model,
    input: 'x',
    ...(model === 'script/client-tool' ? { tools: CLIENT } : {}),
  });
  const parked = await world().api.reaches(run.id, 'waiting');
  return { run: parked, wait: only(await world().api.openWaits(run.id)) };
}

const CLIENT = [{ type: 'client', name: 'lookup' }];

function onRun(run: Run, verb: string, body: Body = {}): Mutation {
  return { path: `/v1/runs/${run.id}/${verb}`, body, runId: run.id };
}

async function principalId(): Promise<string> {
  const me = await world().api.call<{ principal: { id: string } }>('GET', '/v1/me');
  return me.principal.id;
}

const cases: Case[] = [
  {
    name: 'startRun',
    isRepeatable: false,
    prepare: async () => ({ path: '/v1/runs', body: { input: 'x', startAt: LATER() } }),
  },
  {
    name: 'startRun with a key of its own',
    isRepeatable: true,
    prepare: async () => ({ path: '/v1/runs', body: { input: 'x', startAt: LATER(), key: randomUUID() } }),
  },
  {
    name: 'pauseRun',
    isRepeatable: true,
    prepare: async () => onRun((await waiting()).run, 'pause', { reason: 'r' }),
  },
  {
    name: 'resumeRun',
    isRepeatable: true,
    prepare: async () => {
      const { run } = await waiting();
      await world().api.command(run.id, 'pause');
      return onRun(run, 'resume');
    },
  },
  {
    name: 'resumeRun with answers and messages',
    isRepeatable: false,
    prepare: async () => {
      const { run, wait } = await waiting('script/client-tool');
      await world().api.command(run.id, 'pause', { hold: 'other' });
      return onRun(run, 'resume', {
        hold: 'operator',
        answers: [{ waitId: wait.id, output: 1 }],
        messages: [{ content: 'm' }],
      });
    },
  },
  {
    name: 'resumeRun with answers and a messageId',
    isRepeatable: true,
    prepare: async () => {
      const { run, wait } = await waiting('script/client-tool');
      await world().api.command(run.id, 'pause', { hold: 'other' });
      return onRun(run, 'resume', {
        hold: 'operator',
        answers: [{ waitId: wait.id, output: 1 }],
        messages: [{ content: 'm' }, { content: 'n' }],
        messageId: 'mine',
      });
    },
  },
  { name: 'cancelRun', isRepeatable: true, prepare: async () => onRun((await waiting()).run, 'cancel') },
  {
    name: 'retryRun',
    isRepeatable: false,
    prepare: async () => {
      const run = await world().api.start({ model: 'no/model', input: 'x' });
      return onRun(await world().api.reaches(run.id, 'failed'), 'retry');
    },
  },
  {
    name: 'reportRun',
    isRepeatable: true,
    prepare: async () => {
      const run = await world().api.start({ mode: 'external', input: 'x' });
      return onRun(run, 'report', { status: 'succeeded', output: 1 });
    },
  },
  {
    name: 'sendMessage',
    isRepeatable: false,
    prepare: async () => onRun(await queued(), 'messages', { content: 'm' }),
  },
  {
    name: 'sendMessage with a messageId',
    isRepeatable: true,
    prepare: async () => onRun(await queued(), 'messages', { content: 'm', messageId: 'mine' }),
  },
  {
    name: 'updateRun',
    isRepeatable: true,
    prepare: async () => {
      const run = await queued();
      const body = { title: 'T', metadata: { a: 1 }, limits: { maxTurns: 3 }, sealed: true };
      return { method: 'PATCH', path: `/v1/runs/${run.id}`, body, runId: run.id };
    },
  },
  {
    name: 'forkRun',
    isRepeatable: false,
    prepare: async () => ({ path: `/v1/runs/${(await waiting()).run.id}/fork`, body: {} }),
  },
  {
    name: 'addNote',
    isRepeatable: false,
    prepare: async () => onRun(await queued(), 'notes', { type: 'n' }),
  },
  {
    name: 'addNote with a key',
    isRepeatable: true,
    prepare: async () => onRun(await queued(), 'notes', { type: 'n', key: 'k' }),
  },
  {
    name: 'answerWait',
    isRepeatable: true,
    prepare: async () => {
      const { run, wait } = await waiting();
      await world().api.command(run.id, 'pause');
      return {
        path: `/v1/waits/${wait.id}/answer`,
        body: { decision: 'approve', digest: wait.digest },
        runId: run.id,
      };
    },
  },
  {
    name: 'answerCall',
    isRepeatable: true,
    prepare: async () => {
      const { run, wait } = await waiting('script/client-tool');
      await world().api.command(run.id, 'pause');
      return onRun(run, `calls/${wait.callId ?? ''}/answer`, { output: { a: 1 } });
    },
  },
  {
    name: 'snoozeWait',
    isRepeatable: false,
    prepare: async () => {
      const { run, wait } = await waiting();
      return { path: `/v1/waits/${wait.id}/snooze`, body: { until: LATER() }, runId: run.id };
    },
  },
  {
    name: 'assignWait',
    isRepeatable: true,
    prepare: async () => {
      const { run, wait } = await waiting();
      return { path: `/v1/waits/${wait.id}/assign`, body: { assignee: 'team' }, runId: run.id };
    },
  },
  {
    name: 'createAgent',
    isRepeatable: false,
    prepare: async () => ({ path: '/v1/agents', body: { name: 'a' } satisfies AgentFields }),
  },
  {
    name: 'updateAgent',
    isRepeatable: true,
    prepare: async () => {
      const agent = await world().api.call<{ id: string }>('POST', '/v1/agents', { name: 'before' });
      return { method: 'PATCH', path: `/v1/agents/${agent.id}`, body: { name: 'after' } };
    },
  },
  {
    name: 'createPrincipal',
    isRepeatable: false,
    prepare: async () => ({ path: '/v1/principals', body: { type: 'person', name: 'P', role: 'viewer' } }),
  },
  {
    name: 'updatePrincipal',
    isRepeatable: true,
    prepare: async () => ({
      method: 'PATCH',
      path: `/v1/principals/${await principalId()}`,
      body: { name: 'admin' },
    }),
  },
  {
    name: 'createKey',
    isRepeatable: false,
    prepare: async () => ({ path: '/v1/keys', body: { name: 'k', role: 'viewer' } }),
  },
];

/** What the whole database holds that a mutation could add to. */
async function counts(): Promise<Record<string, number>> {
  const [row] = await world().database.sql<Record<string, number>[]>`
    select (select count(*) from runs)::int as runs, (select count(*) from agents)::int as agents,
      (select count(*) from agent_versions)::int as versions, (select count(*) from keys)::int as keys,
      (select count(*) from principals)::int as principals,
      (select count(*) from events where type <> 'message.delta')::int as events`;
  return row ?? {};
}

/**
 * Sends the mutation and cuts the connection, until it has taken effect: a request that is cut while its body is still
 * read is as if it had not been sent, and whoever sent it cannot tell.
 */
async function sendCut(
  mutation: Mutation,
  headers: Record<string, string>,
  isDone: () => Promise<boolean>,
): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    await cutRequest(world().url, {
      method: mutation.method ?? 'POST',
      path: mutation.path,
      headers: { authorization: `Bearer ${world().api.key}`, ...headers },
      body: JSON.stringify(mutation.body),
    });
    const done = vi.waitFor(async () => expect(await isDone()).toBe(true), { timeout: 1_000, interval: 10 });
    if (await done.then(() => true).catch(() => false)) return;
  }
  throw new Error(`${mutation.path} did not take effect`);
}

async function settledHead(runId: string): Promise<number> {
  await world().api.parked(runId);
  return (await world().api.run(runId)).head;
}

/** Runs that are not started yet do not park. */
async function quiet(mutation: Mutation): Promise<number> {
  if (mutation.runId === undefined) return 0;
  const run = await world().api.run(mutation.runId);
  return run.status === 'queued' ? run.head : settledHead(mutation.runId);
}

describe.each(cases)('$name, whose first reply was cut off,', ({ prepare, isRepeatable }) => {
  it('sent again with its Idempotency-Key answers what the first did, and changes nothing', async () => {
    const mutation = await prepare();
    const headers = { 'idempotency-key': randomUUID() };
    const stored = async (): Promise<string[]> =>
      (await world().database.sql<{ body: string }[]>`select body from replies`).map((row) => row.body);
    const before = new Set(await stored());
    await sendCut(mutation, headers, async () => (await stored()).length > before.size);
    const head = await quiet(mutation);
    const after = await counts();
    for (const client of [world().api, world().second]) {
      const reply = await client.request(mutation.method ?? 'POST', mutation.path, {
        body: mutation.body,
        headers,
      });
      expect(reply.status).toBeLessThan(300);
      expect(reply.headers.get('idempotency-replayed')).toBe('true');
      expect(before.has(reply.text)).toBe(false);
      expect(await stored()).toContain(reply.text);
      if (reply.body !== null && typeof reply.body === 'object' && 'changed' in reply.body) {
        expect(reply.body.changed).toBe(true);
      }
    }
    expect(await quiet(mutation)).toBe(head);
    expect(await counts()).toEqual(after);
    const other = { body: { ...mutation.body, reason: 'another body' }, headers };
    const conflict = await world().api.request(mutation.method ?? 'POST', mutation.path, other);
    expect(conflict.status).toBe(422);
    expect(await counts()).toEqual(after);
  });

  it.runIf(isRepeatable)('sent again without a key changes nothing, and says so', async () => {
    const mutation = await prepare();
    const before = await counts();
    await sendCut(
      mutation,
      {},
      async () => JSON.stringify(await counts()) !== JSON.stringify(before) || NO_TRACE.has(mutation.path),
    );
    const head = await quiet(mutation);
    const after = await counts();
    for (const client of [world().api, world().second]) {
      const reply = await client.request(mutation.method ?? 'POST', mutation.path, { body: mutation.body });
      expect(reply.status).toBe(200);
      if (reply.body !== null && typeof reply.body === 'object' && 'changed' in reply.body) {
        expect(reply.body.changed).toBe(false);
      }
    }
    expect(await quiet(mutation)).toBe(head);
    expect(await counts()).toEqual(after);
  });
});

/** Mutations that leave no row more. */
const NO_TRACE = {
  has: (path: string): boolean => path.startsWith('/v1/principals/'),
};

describe('twins', () => {
  it('that come at once through two servers are one request', async () => {
    const run = await queued();
    const headers = { 'idempotency-key': randomUUID() };
    const body = { content: 'once' };
    const replies = await Promise.all(
      Array.from({ length: 32 }, (_, n) =>
        (n % 2 === 0 ? world().api : world().second).request('POST', `/v1/runs/${run.id}/messages`, {
          body,
          headers,
        }),
      ),
    );
    expect(new Set(replies.map((reply) => `${reply.status} ${reply.text}`)).size).toBe(1);
    expect(replies.filter((reply) => reply.headers.get('idempotency-replayed') === null)).toHaveLength(1);
    expect((await world().api.types(run.id)).filter((type) => type === 'message.received')).toHaveLength(1);
  });

  it('of a start with a stream stream the one run from its first event', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const body = { input: 'streamed once' };
    const ids = new Set<string>();
    for (let n = 0; n < 2; n++) {
      const frames: string[] = [];
      for await (const frame of world().api.frames('POST', '/v1/runs', { body, headers })) {
        frames.push(frame.event);
        if (frame.event === 'run.created') ids.add((frame.data as { runId: string }).runId);
      }
      expect(frames[0]).toBe('run.created');
      expect(frames.slice(-2)).toEqual(['run.succeeded', 'stream.end']);
    }
    expect(ids.size).toBe(1);
  });

  it('of a fork that is refused leaves no copy behind', async () => {
    const { run } = await waiting();
    const before = await counts();
    const answers = [{ waitId: 'wait_nowhere', decision: 'deny' }];
    const refused = await world().api.request('POST', `/v1/runs/${run.id}/fork`, { body: { answers } });
    expect(refused.status).toBe(404);
    expect(await counts()).toEqual(before);
  });

  it('of other keys, principals and paths are other requests', async () => {
    const [first, second] = [await queued(), await queued()];
    const headers = { 'idempotency-key': 'the same key' };
    const body = { type: 'n' };
    for (const [client, run] of [
      [world().api, first],
      [world().operator, first],
      [world().api, second],
    ] as const) {
      const reply = await client.request('POST', `/v1/runs/${run.id}/notes`, { body, headers });
      expect(reply.headers.get('idempotency-replayed')).toBeNull();
      expect(reply.body).toMatchObject({ changed: true });
    }
  });

  it('of a refused request are decided anew: only what was accepted is kept', async () => {
    const run = await queued();
    const headers = { 'idempotency-key': randomUUID() };
    expect(
      (await world().api.request('POST', `/v1/runs/${run.id}/retry`, { body: {}, headers })).status,
    ).toBe(409);
    expect(
      (await world().api.request('POST', `/v1/runs/${run.id}/retry`, { body: {}, headers })).status,
    ).toBe(409);
    await world().api.command(run.id, 'cancel');
  });
});
