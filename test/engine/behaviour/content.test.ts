import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { answerJson } from '../../world/tool-target.ts';

const world = sharedWorld();

/** One transparent pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
const DIGEST = createHash('sha256').update(PNG).digest('hex');
const DATA_URI = `data:image/png;base64,${PNG.toString('base64')}`;

describe('an image as a data URI', () => {
  const content = [
    { type: 'text', text: 'what is this?' },
    { type: 'image', url: DATA_URI },
  ];

  it('is kept as a blob, and comes back byte for byte', async () => {
    const { api } = world();
    const run = await api.start({ input: content });
    expect(await api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'what is this? [image]' });
    const log = JSON.stringify(await api.events(run.id));
    expect(log).toContain(`blob:sha256-${DIGEST}`);
    expect(log).not.toContain('base64');
    expect(JSON.stringify(run.input)).not.toContain('base64');
    const response = await fetch(`${world().url}/v1/runs/${run.id}/blobs/sha256-${DIGEST}`, {
      headers: { authorization: `Bearer ${api.key}` },
    });
    expect(response.headers.get('content-type')).toBe('image/png');
    expect(Buffer.from(await response.arrayBuffer())).toEqual(PNG);
    await world().stranger.refused('GET', `/v1/runs/${run.id}/blobs/sha256-${DIGEST}`);
    await api.refused('GET', `/v1/runs/${run.id}/blobs/sha256-${'0'.repeat(64)}`);
  });

  it('reaches the provider as it was sent', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: { messages: [{ role: 'user', content }] } });
    const call = await model.next();
    expect(JSON.stringify(call.messages)).toContain(DATA_URI);
    call.say('a pixel');
    call.end();
    await api.reaches(run.id, 'succeeded');
  });

  it('comes with a message, and with the messages of a resume', async () => {
    const { api, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'wait' });
    const first = await model.next();
    await api.command(run.id, 'messages', { content });
    await api.command(run.id, 'pause', { at: 'now' });
    await first.closed;
    await api.command(run.id, 'resume', { messages: [{ content }] });
    const second = await model.next();
    expect(JSON.stringify(second.messages).split(DATA_URI)).toHaveLength(3);
    second.end();
    await api.parked(run.id);
    expect(JSON.stringify(await api.messages(run.id))).not.toContain('base64');
  });

  it('that is none is refused with its place', async () => {
    const { api } = world();
    const bad = [{ type: 'image', url: 'data:image/png;base64,***' }];
    expect(await api.refused('POST', '/v1/runs', { input: bad })).toMatchObject({
      status: 422,
      errors: [{ path: 'body.input[0].url' }],
    });
    const file = [{ type: 'image', url: 'file:///etc/passwd' }];
    expect(await api.refused('POST', '/v1/runs', { input: file })).toMatchObject({ status: 422 });
  });
});

describe('secrets of a run', () => {
  const SECRET = 'sk-live-9f8e7d6c5b4a';
  const OTHER = 'p4ssw0rd-of-the-shop';

  it('reach the tool, and never a reply, an event, a log or a row in clear', async () => {
    const { api, target, database, logs, replies } = world();
    const before = target.handler;
    // A careless tool: it echoes what it was sent, in its result and in its error.
    target.handler = (request, response) =>
      answerJson(
        response,
        { youSent: request.headers, body: request.body },
        request.path === '/bad' ? 500 : 200,
      );
    const tool = (name: string, path: string): object => ({
      type: 'http',
      name,
      http: {
        url: `${target.url}${path}`,
        headers: { authorization: 'Bearer {{secrets.api}}' },
        body: { password: '{{secrets.shop}}' },
      },
    });
    const call = (name: string): object => ({ toolCalls: [{ tool: name }] });
    const run = await api.start({
      script: [call('good'), call('bad'), call('guarded'), { text: 'done' }],
      tools: [
        tool('good', '/good'),
        tool('bad', '/bad'),
        { ...tool('guarded', '/good'), approval: 'always' },
      ],
      input: 'x',
      secrets: { api: SECRET, shop: OTHER },
    });
    await api.reaches(run.id, 'waiting');
    const fork = await api.fork(run.id, {});
    for (const id of [run.id, fork.id]) {
      const wait = only((await api.openWaits(id)).filter((open) => open.runId === id));
      await api.answer(wait.id, { decision: 'approve', digest: wait.digest ?? '' });
      await api.reaches(id, 'succeeded');
      await api.messages(id);
      await api.events(id);
    }
    target.handler = before;
    const sent = target.seen.filter((request) => request.key.startsWith(run.id));
    expect(sent.map((request) => request.headers.authorization)).toContain(`Bearer ${SECRET}`);
    expect(sent.map((request) => request.body).join()).toContain(OTHER);

    for (const secret of [SECRET, OTHER]) {
      expect(replies.join('\n')).not.toContain(secret);
      expect(logs.join('\n')).not.toContain(secret);
      const rows = await database.sql`
        select 1 from events where data::text like ${`%${secret}%`}
        union all select 1 from runs where runs::text like ${`%${secret}%`}
        union all select 1 from waits where waits::text like ${`%${secret}%`}
        union all select 1 from run_state where state::text like ${`%${secret}%`}
        union all select 1 from snapshots where data::text like ${`%${secret}%`}
        union all select 1 from replies where body like ${`%${secret}%`}`;
      expect(rows).toHaveLength(0);
    }
  });

  it('are dropped when the run ends', async () => {
    const { api, database } = world();
    const run = await api.start({ input: 'x', secrets: { api: SECRET } });
    await api.reaches(run.id, 'succeeded');
    const [row] = await database.sql<
      { secrets: string | null }[]
    >`select secrets from runs where id = ${run.id}`;
    expect(row?.secrets ?? null).toBeNull();
  });
});
