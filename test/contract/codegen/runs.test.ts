import type { Run } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { codegenOf, PIXEL, type CodegenClient, type CodegenRun } from './codegen-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ env: { FERMATA_CODEGEN_RATE_LIMITS: 'off' } });
const codegen = (): CodegenClient => codegenOf(world());
const RUNS = '/v1/organizations/1/agent/runs';
const LATER = '2090-01-01T00:00:00.000Z';

/** The native run behind a number. */
async function native(run: CodegenRun): Promise<Run> {
  const page = await world().api.call<{ data: Run[] }>('GET', '/v1/runs?limit=100');
  const found = page.data.find(({ number }) => number === run.id);
  if (found === undefined) throw new Error(`run ${run.id} is not seen natively`);
  return found;
}

async function finished(run: CodegenRun): Promise<CodegenRun> {
  await world().api.finished((await native(run)).id);
  return codegen().get(run.id);
}

describe('create', () => {
  verifies(['create.prompt', 'get.run', 'get.result'], async () => {
    const run = await codegen().create({ prompt: 'hello' });
    expect(run).toEqual({
      id: expect.any(Number) as number,
      organization_id: 1,
      status: 'ACTIVE',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      web_url: `${world().url}/codegen/agent/trace/${run.id}`,
      result: null,
      summary: null,
      source_type: 'API',
      github_pull_requests: [],
      metadata: {},
      repo_id: null,
      agent_type: null,
    });
    const ended = await finished(run);
    expect(ended).toMatchObject({ id: run.id, status: 'COMPLETE', result: 'hello' });
    const { id } = await native(run);
    expect(await codegen().get(id)).toEqual(ended);
    expect(await codegen().get(id.toUpperCase())).toEqual(ended);
  });

  verifies(['create.fields'], async () => {
    const body = {
      prompt: 'hello',
      metadata: { a: { b: [1] } },
      repo_id: 12,
      agent_type: 'claude_code',
      model: 'script/echo',
    };
    const run = await codegen().create(body);
    expect(run).toMatchObject({ metadata: { a: { b: [1] } }, repo_id: 12, agent_type: 'claude_code' });
    expect((await native(run)).agent).toMatchObject({ model: 'script/echo' });
    const unknown = await codegen().create({ prompt: 'x', model: 'nobody/knows' });
    expect(await finished(unknown)).toMatchObject({ status: 'ERROR', result: null });
  });

  verifies(['create.images'], async () => {
    const images = [`data:image/jpeg;base64,${PIXEL}`, `data:;base64,${PIXEL}`];
    const run = await codegen().create({ prompt: 'look', images, model: 'gated/m' });
    const call = await world().model.next();
    const url = `data:image/png;base64,${PIXEL}`;
    expect(call.messages.at(-1)).toMatchObject({
      role: 'user',
      content: [
        { type: 'text', text: 'look' },
        { type: 'image_url', image_url: { url } },
        { type: 'image_url', image_url: { url } },
      ],
    });
    call.say('seen');
    call.end();
    expect(await finished(run)).toMatchObject({ status: 'COMPLETE', result: 'seen' });
  });

  verifies(['create.lax'], async () => {
    const run = await codegen().create({
      prompt: '',
      images: null,
      metadata: null,
      repo_id: '12',
      model: null,
      agent_type: null,
      webhooks: null,
      unknown: [1],
    });
    expect(run).toMatchObject({ repo_id: 12, metadata: {} });
    expect(await codegen().create({ prompt: 'x', repo_id: 13.0, images: [] })).toMatchObject({ repo_id: 13 });
    const path = `/v1/organizations/%2B1/agent/run/${run.id}.0`;
    expect((await codegen().request('GET', path)).status).toBe(200);
  });

  verifies(['create.long-prompt'], async () => {
    const prompt = 'long '.repeat(60_000);
    const run = await codegen().create({ prompt, model: 'gated/m' });
    const call = await world().model.next();
    expect(JSON.stringify(call.messages.at(-1)?.content)).toContain(prompt.trim());
    call.end();
    await finished(run);
  });
});

describe('get', () => {
  verifies(['get.summary'], async () => {
    const started = await world().api.start({ mode: 'external', title: 'A title', metadata: { m: 1 } });
    expect(await codegen().get(started.number)).toMatchObject({ summary: 'A title', metadata: { m: 1 } });
    await world().api.command(started.id, 'report', {
      status: 'succeeded',
      summary: 'A summary',
      output: { a: 1 },
    });
    const run = await codegen().get(started.number);
    expect(run).toMatchObject({ summary: 'A summary', status: 'COMPLETE', result: '{"a":1}' });
  });

  verifies(['get.statuses'], async () => {
    const statuses: Record<string, string> = {};
    const failed = async (code: string): Promise<string> => {
      const run = await world().api.start({ mode: 'external' });
      await world().api.command(run.id, 'report', { status: 'failed', error: { code, message: 'm' } });
      return (await codegen().get(run.number)).status;
    };
    for (const code of ['timed_out', 'max_turns', 'budget_exhausted', 'provider_failed', 'anything']) {
      statuses[code] = await failed(code);
    }
    expect(statuses).toEqual({
      timed_out: 'TIMEOUT',
      max_turns: 'MAX_ITERATIONS_REACHED',
      budget_exhausted: 'OUT_OF_TOKENS',
      provider_failed: 'ERROR',
      anything: 'ERROR',
    });
    const queued = await world().api.start({ input: 'x', startAt: LATER });
    expect((await codegen().get(queued.number)).status).toBe('ACTIVE');
    await world().api.command(queued.id, 'pause');
    expect((await codegen().get(queued.number)).status).toBe('PAUSED');
    await world().api.command(queued.id, 'cancel');
    expect((await codegen().get(queued.number)).status).toBe('CANCELLED');
    const waiting = await world().api.start({ model: 'script/approval', input: 'x' });
    await world().api.reaches(waiting.id, 'waiting');
    expect((await codegen().get(waiting.number)).status).toBe('PAUSED');
  });
});

describe('list', () => {
  interface Page {
    items: CodegenRun[];
    total: number;
    page: number;
    size: number;
    pages: number;
  }

  verifies(['list.page'], async () => {
    const made = [];
    for (let i = 0; i < 3; i += 1) made.push((await codegen().create({ prompt: `list ${i}` })).id);
    const whole = await codegen().ok<Page>('GET', RUNS);
    expect(whole.items.slice(0, 3).map((run) => run.id)).toEqual([...made].reverse());
    expect(whole).toMatchObject({ total: whole.items.length, page: 1, size: 100, pages: 1 });
    const page = await codegen().ok<Page>('GET', `${RUNS}?skip=1&limit=2`);
    expect(page.items.map((run) => run.id)).toEqual([made[1], made[0]]);
    const { total } = whole;
    expect(page).toMatchObject({ total, page: 1, size: 2, pages: Math.ceil(total / 2) });
    const beyond = await codegen().ok<Page>('GET', `${RUNS}?skip=${total}&limit=1`);
    expect(beyond).toMatchObject({ items: [], total, page: total + 1, pages: total });
    const stranger = await codegenOf(world(), 'stranger').ok<Page>('GET', '/v1/organizations/2/agent/runs');
    expect(stranger).toEqual({ items: [], total: 0, page: 1, size: 100, pages: 0 });
  });

  verifies(['list.filters', 'create.attribution'], async () => {
    const developer = codegenOf(world(), 'developer');
    const run = await developer.create({ prompt: 'mine' });
    const me = await developer.ok<{ id: number }>('GET', '/v1/users/me');
    const ids = async (query: string): Promise<number[]> =>
      (await developer.ok<Page>('GET', `${RUNS}?${query}`)).items.map(({ id }) => id);
    expect(await ids(`source_type=API&user_id=${me.id}&limit=10`)).toEqual([run.id]);
    const admin = await codegen().ok<{ id: number }>('GET', '/v1/users/me');
    expect(await ids(`user_id=${admin.id}`)).not.toContain(run.id);
    expect(await ids('user_id=999999')).toEqual([]);
    for (const source of ['SLACK', 'GITHUB_CHECK_SUITE', 'CHAT', 'SETUP_COMMANDS']) {
      expect(await ids(`source_type=${source}`)).toEqual([]);
    }
    const session = await developer.ok<{ agent_run_id: number }>(
      'POST',
      '/v1/organizations/1/claude_code/session',
      { session_id: '01900000-0000-7000-8000-00000000abcd' },
    );
    expect(await ids('source_type=LOCAL')).toEqual([session.agent_run_id]);
    expect(await ids('source_type=API')).not.toContain(session.agent_run_id);
    expect(await ids('nonsense=1&user_id=999999&user_id=' + String(me.id))).toContain(run.id);
  });
});
