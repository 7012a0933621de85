import { createHmac } from 'node:crypto';
import { describe, expect } from 'vitest';
import { eventually } from '../../world/eventually.ts';
import { sharedWorld } from '../../world/server.ts';
import type { ToolRequest } from '../../world/tool-target.ts';
import { answerJson } from '../../world/tool-target.ts';
import { codegenOf, type CodegenClient, type CodegenRun } from './codegen-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ env: { FERMATA_CODEGEN_RATE_LIMITS: 'off' } });
const codegen = (): CodegenClient => codegenOf(world());
const PATH = '/v1/organizations/1/webhooks/agent-run';
const SECRET = 'a webhook secret';

interface Sent {
  event_type: string;
  timestamp: string;
  data: CodegenRun;
}

const bodyOf = (request: ToolRequest): Sent => JSON.parse(request.body) as Sent;

/** What has been sent to a path, at least so many requests. */
function sent(path: string, count: number): Promise<ToolRequest[]> {
  return eventually(
    () => {
      const seen = world().target.seen.filter((request) => request.path === path);
      return seen.length >= count ? seen : null;
    },
    { what: `${count} requests come to ${path}` },
  );
}

const url = (path: string): string => world().target.url + path;

/** The request at this place; a missing one is a mistake of the test, or what it looks for. */
function at(requests: readonly ToolRequest[], index = 0): ToolRequest {
  const request = requests[index];
  if (request === undefined) throw new Error(`there is no request ${index}`);
  return request;
}

function checkSignatures({ headers, body }: ToolRequest, secret: string): void {
  const id = String(headers['webhook-id']);
  const timestamp = String(headers['webhook-timestamp']);
  const signed = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
  expect(headers['webhook-signature']).toBe(`v1,${signed}`);
  const ofBody = createHmac('sha256', secret).update(body).digest('hex');
  expect(headers['x-codegen-signature']).toBe(`sha256=${ofBody}`);
  expect(Math.abs(Date.now() / 1000 - Number(timestamp))).toBeLessThan(120);
}

async function deliveries(runId: number): Promise<Record<string, unknown>[]> {
  return [
    ...(await world().database.sql`
      select webhook_id, event_type, attempt, status, error, is_last from webhook_deliveries
      where run_id = (select id from runs where number = ${runId}) order by id`),
  ];
}

describe('webhooks', () => {
  verifies(['webhook.config'], async () => {
    expect(await codegen().ok('GET', PATH)).toEqual({ url: null, enabled: false, has_secret: false });
    const config = { url: url('/config'), secret: SECRET };
    expect(await codegen().ok('POST', PATH, config)).toEqual({
      url: config.url,
      enabled: true,
      has_secret: true,
    });
    const [row] = await world().database.sql<{ secret: string }[]>`select secret from webhooks`;
    expect(row?.secret).not.toContain(SECRET);
    const moved = { url: url('/other'), enabled: false };
    expect(await codegen().ok('POST', PATH, moved)).toMatchObject({ enabled: false, has_secret: true });
    expect(await codegen().ok('POST', PATH, { url: url('/other'), secret: '' })).toMatchObject({
      has_secret: false,
    });
    for (const who of ['viewer', 'operator', 'developer'] as const) {
      expect((await codegenOf(world(), who).request('GET', PATH)).status).toBe(403);
    }
    await codegen().ok('DELETE', PATH);
    await codegen().ok('DELETE', PATH);
    expect(await codegen().ok('GET', PATH)).toMatchObject({ url: null });
  });

  verifies(['webhook.delivery'], async () => {
    await codegen().ok('POST', PATH, { url: url('/organization'), secret: SECRET });
    const done = await codegen().create({ prompt: 'hello', metadata: { m: 1 } });
    const failed = await codegen().create({ prompt: 'x', model: 'nobody/knows' });
    const waiting = await world().api.start({ model: 'script/approval', input: 'x' });
    await world().api.reaches(waiting.id, 'waiting');
    await world().api.command(waiting.id, 'cancel');
    const requests = await sent('/organization', 4);
    const events = requests.map((request) => {
      checkSignatures(request, SECRET);
      const { event_type: type, timestamp, data } = bodyOf(request);
      expect(timestamp).toMatch(/Z$/);
      expect(data.web_url).toMatch(/\/codegen\/agent\/trace\/\d+$/);
      return [data.id, type, data.status, data.result];
    });
    expect(events).toHaveLength(4);
    expect(events).toEqual(
      expect.arrayContaining([
        [done.id, 'run.succeeded', 'COMPLETE', 'hello'],
        [failed.id, 'run.failed', 'ERROR', null],
        [waiting.number, 'wait.opened', 'PAUSED', null],
        [waiting.number, 'run.cancelled', 'CANCELLED', null],
      ]),
    );
    expect(new Set(requests.map(({ headers }) => headers['webhook-id'])).size).toBe(4);
    expect(bodyOf(at(requests.filter((request) => bodyOf(request).data.id === done.id))).data).toMatchObject({
      metadata: { m: 1 },
      source_type: 'API',
    });
    await codegen().ok('POST', PATH, { url: url('/organization'), enabled: false });
    const silent = await codegen().create({ prompt: 'silent' });
    await eventually(async () => (await codegen().get(silent.id)).status === 'COMPLETE', { what: 'it ends' });
    await codegen().ok('DELETE', PATH);
    expect(await deliveries(silent.id)).toEqual([]);
    const rows = await eventually(
      async () => {
        const found = await deliveries(done.id);
        return found.length === 1 ? found : null;
      },
      { what: 'the attempt is kept' },
    );
    expect(rows).toMatchObject([
      { event_type: 'run.succeeded', attempt: 1, status: 200, error: null, is_last: true },
    ]);
  });

  verifies(['webhook.run'], async () => {
    await codegen().ok('POST', PATH, { url: url('/all'), secret: SECRET });
    const webhooks = [{ url: url('/one'), secret: 'whsec_c2VjcmV0' }, { url: url('/two') }];
    const run = await codegen().create({ prompt: 'hello', webhooks });
    const one = at(await sent('/one', 1));
    const two = at(await sent('/two', 1));
    expect(bodyOf(one)).toMatchObject({ event_type: 'run.succeeded', data: { id: run.id } });
    const id = String(one.headers['webhook-id']);
    expect(two.headers['webhook-id']).toBe(id);
    expect(two.headers['webhook-signature']).toBeUndefined();
    const content = `${id}.${String(one.headers['webhook-timestamp'])}.${one.body}`;
    const signed = createHmac('sha256', Buffer.from('secret')).update(content).digest('base64');
    expect(one.headers['webhook-signature']).toBe(`v1,${signed}`);
    await codegen().resume(run.id, 'again', { webhooks: [{ url: url('/three') }] });
    expect(bodyOf(at(await sent('/three', 1), 0))).toMatchObject({ data: { id: run.id, result: 'again' } });
    await codegen().resume(run.id, 'third');
    expect(bodyOf(at(await sent('/three', 2), 1))).toMatchObject({ data: { id: run.id, result: 'third' } });
    expect(world().target.seen.filter(({ path }) => ['/one', '/two', '/all'].includes(path))).toHaveLength(2);
    await codegen().resume(run.id, 'fourth', { webhooks: [] });
    expect(bodyOf(at(await sent('/all', 1), 0))).toMatchObject({ data: { id: run.id, result: 'fourth' } });
    await codegen().ok('DELETE', PATH);
    expect(JSON.stringify(await world().database.sql`select * from webhooks`)).not.toContain('whsec_');
  });

  verifies(['webhook.retry'], async () => {
    const answers = [500, 302, 200];
    world().target.handler = (request, response) => {
      if (request.path !== '/flaky') return answerJson(response, {});
      const status = answers.shift() ?? 200;
      if (status === 302) response.setHeader('location', url('/elsewhere'));
      answerJson(response, {}, status);
    };
    const run = await codegen().create({ prompt: 'hello', webhooks: [{ url: url('/flaky') }] });
    const hurry = (): PromiseLike<unknown> => world().database.sql`
      select graphile_worker.reschedule_jobs(array(select id from graphile_worker._private_jobs), now())`;
    for (const count of [1, 2]) {
      await eventually(async () => (await deliveries(run.id)).length === count, { what: `attempt ${count}` });
      await eventually(
        async () => {
          await hurry();
          return world().target.seen.filter(({ path }) => path === '/flaky').length > count;
        },
        { what: `attempt ${count + 1} is made` },
      );
    }
    const requests = await sent('/flaky', 3);
    expect(
      new Set(requests.map(({ headers, body }) => `${String(headers['webhook-id'])} ${body}`)).size,
    ).toBe(1);
    await eventually(async () => (await deliveries(run.id)).length === 3, { what: 'all attempts are kept' });
    expect(await deliveries(run.id)).toMatchObject([
      { attempt: 1, status: 500, error: 'answered 500', is_last: false },
      { attempt: 2, status: 302, error: 'answered 302', is_last: false },
      { attempt: 3, status: 200, error: null, is_last: true },
    ]);
    expect(world().target.seen.some(({ path }) => path === '/elsewhere')).toBe(false);
  });

  verifies(['webhook.test'], async () => {
    await codegen().ok('POST', PATH, { url: url('/all'), secret: SECRET });
    const test = (target: string): Promise<object> => codegen().ok('POST', `${PATH}/test`, { url: target });
    expect(await test(url('/test'))).toEqual({ success: true, status_code: 200, error: null });
    const request = at(await sent('/test', 1));
    checkSignatures(request, SECRET);
    expect(bodyOf(request)).toMatchObject({ event_type: 'test' });
    world().target.handler = (_request, response) => answerJson(response, {}, 410);
    expect(await test(url('/gone'))).toEqual({ success: false, status_code: 410, error: 'answered 410' });
    expect(await test('http://127.0.0.1:1/closed')).toMatchObject({ success: false, status_code: null });
    await codegen().ok('DELETE', PATH);
  });

  verifies(['webhook.private'], async () => {
    const webhooks = [{ url: 'http://169.254.169.254/latest/meta-data' }];
    const run = await codegen().create({ prompt: 'hello', webhooks });
    await eventually(async () => (await deliveries(run.id)).length === 1, { what: 'the attempt is kept' });
    expect(await deliveries(run.id)).toMatchObject([{ attempt: 1, status: null, is_last: true }]);
    const reply = await codegen().ok('POST', `${PATH}/test`, { url: 'http://10.0.0.1/' });
    expect(reply).toMatchObject({ success: false, status_code: null });
  });
});
