import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { codegenOf, type CodegenClient, type CodegenRun, type LogEntry } from './codegen-client.ts';
import { sampleIds, sampleRequests } from './sample-requests.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ env: { FERMATA_CODEGEN_RATE_LIMITS: 'off' } });
const codegen = (): CodegenClient => codegenOf(world());
const ORG = '/v1/organizations/1';
const LATER = '2090-01-01T00:00:00.000Z';

describe('every operation', () => {
  // The world checks every reply against the schema of its operation.
  verifies(['shape.openapi'], async () => {
    const { runId } = await sampleIds(world(), codegen());
    for (const { operation, method, path, body } of sampleRequests(runId)) {
      // It seals the run that the others resume.
      const isBan = /^(ban|remove)_/.test(operation.operationId);
      const reply = await codegen().request(method, path, { body });
      const expected = operation.operationId === 'analyze_sandbox_logs' ? 400 : 200;
      expect([operation.operationId, reply.status]).toEqual([operation.operationId, expected]);
      if (isBan) await codegen().ok('POST', `${ORG}/agent/run/unban`, { agent_run_id: runId });
    }
    const served = await fetch(`${world().url}/openapi/codegen.json`);
    expect(served.status).toBe(200);
    const document = (await served.json()) as { paths: Record<string, Record<string, unknown>> };
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(documented.sort()).toEqual(
      sampleRequests(1)
        .map(({ operation }) => `${operation.method} ${operation.path}`)
        .sort(),
    );
  });

  verifies(['shape.slashes'], async () => {
    const run = await codegen().create({ prompt: 'x' });
    for (const path of [
      `//v1/organizations/1/agent/run/${run.id}`,
      `/v1//organizations/1/agent/run/${run.id}/`,
    ]) {
      expect(await codegen().ok('GET', path)).toMatchObject({ id: run.id });
    }
    const lower = await fetch(`${world().url}/codegen/v1/users/me`, {
      headers: { AUTHORIZATION: `bearer ${codegen().key}` },
    });
    expect(lower.status).toBe(200);
  });

  verifies(['shape.cors'], async () => {
    const origin = 'https://app.example';
    const preflight = await codegen().request('OPTIONS', `${ORG}/agent/run/resume`, {
      key: null,
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
    expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
    for (const key of [codegen().key, 'wrong']) {
      const reply = await codegen().request('GET', '/v1/users/me', { headers: { origin }, key });
      expect(reply.headers.get('access-control-allow-origin')).toBe('*');
    }
  });

  verifies(['links.redirect'], async () => {
    for (const path of ['/agent/trace/12', '/traces/12', '/x/12']) {
      const reply = await codegen().request('GET', path, { key: null });
      expect([reply.status, reply.headers.get('location')]).toEqual([302, '/console/runs/12']);
    }
  });
});

describe('ban and stop', () => {
  const ban = (id: number, verb = 'ban'): Promise<CodegenRun & Record<string, unknown>> =>
    codegen().ok('POST', `${ORG}/agent/run/${verb}`, { agent_run_id: id, before_card_order_id: null });

  verifies(['ban.running', 'ban.unban'], async () => {
    for (const verb of ['ban', 'remove-from-pr']) {
      const run = await world().api.start({ input: 'x', startAt: LATER });
      const reply = await ban(run.number, verb);
      expect(reply).toMatchObject({
        id: run.number,
        agent_run_id: run.number,
        status: 'CANCELLED',
        status_code: 200,
        message: expect.any(String) as string,
      });
      expect(await world().api.run(run.id)).toMatchObject({
        status: 'cancelled',
        sealed: { reason: 'banned' },
      });
      expect(await ban(run.number, verb)).toMatchObject({ status: 'CANCELLED' });
      const resume = { agent_run_id: run.number, prompt: 'x' };
      expect((await codegen().request('POST', `${ORG}/agent/run/resume`, { body: resume })).status).toBe(403);
      expect(await ban(run.number, 'unban')).toMatchObject({ status: 'CANCELLED' });
      expect(await ban(run.number, 'unban')).toMatchObject({ status: 'CANCELLED' });
      expect(await codegen().resume(run.number, 'go')).toMatchObject({ status: 'ACTIVE' });
      await ban(run.number);
    }
  });

  verifies(['ban.ended'], async () => {
    const run = await world().api.start({ input: 'x' });
    await world().api.finished(run.id);
    expect(await ban(run.number)).toMatchObject({ status: 'COMPLETE', result: 'x' });
    const { head } = await world().api.run(run.id);
    expect(await ban(run.number)).toMatchObject({ status: 'COMPLETE' });
    expect((await world().api.run(run.id)).head).toBe(head);
  });

  verifies(['stop.run'], async () => {
    const stop = (id: number): Promise<CodegenRun> =>
      codegen().ok('POST', '/v1/beta/organizations/1/agent/run/stop', { agent_run_id: id });
    const run = await world().api.start({ input: 'x', startAt: LATER });
    expect(await stop(run.number)).toMatchObject({ status: 'CANCELLED' });
    expect(await stop(run.number)).toMatchObject({ status: 'CANCELLED' });
    expect((await world().api.run(run.id)).sealed).toBeNull();
    const ended = await world().api.start({ input: 'x' });
    await world().api.finished(ended.id);
    expect(await stop(ended.number)).toMatchObject({ status: 'COMPLETE' });
  });
});

describe('logs', () => {
  async function runWithCalls(): Promise<number> {
    const tool = {
      type: 'http',
      name: 'look',
      inputSchema: { type: 'object' },
      http: { url: `${world().target.url}/look`, method: 'GET' },
    };
    const turns = [
      {
        text: 'I look.',
        toolCalls: [
          { tool: 'look', args: { at: 1 } },
          { tool: 'look', args: { at: 2 } },
        ],
      },
      { toolCalls: [{ tool: 'look', args: { at: 3 } }] },
      { text: 'Seen.' },
    ];
    const run = await world().script(turns, { tools: [tool] });
    await world().api.finished(run.id);
    return run.number;
  }

  verifies(['logs.entries'], async () => {
    const id = await runWithCalls();
    const { logs, total_logs: total } = await codegen().logs(id);
    expect(total).toBe(logs.length);
    const [first] = logs;
    expect(first).toEqual({
      agent_run_id: id,
      created_at: expect.any(String) as string,
      tool_name: 'user_input',
      message_type: 'USER_MESSAGE',
      thought: null,
      observation: 'go',
      tool_input: { prompt: 'go', images: [] },
      tool_output: {},
    });
    const actions = logs.filter((entry) => entry.message_type === 'ACTION');
    const looks = actions.filter((entry) => entry.tool_name === 'look');
    expect(looks.map((entry) => entry.tool_input?.['at']).sort()).toEqual([1, 2, 3]);
    for (const entry of actions) {
      expect(entry).toMatchObject({
        tool_name: expect.any(String) as string,
        tool_input: expect.any(Object) as object,
        tool_output: expect.any(Object) as object,
      });
    }
    const thoughts = logs
      .filter((entry) => entry.message_type === 'PLAN_EVALUATION')
      .map(({ thought }) => thought);
    expect(thoughts).toEqual(['I look.', 'Calls look.', 'Seen.']);
    expect(logs.at(-1)).toMatchObject({ message_type: 'FINAL_ANSWER', observation: 'Seen.' });
  });

  verifies(['logs.pages', 'logs.paths'], async () => {
    const id = await runWithCalls();
    const whole = await codegen().logs(id);
    const paged: LogEntry[] = [];
    for (let skip = 0; skip < whole.total_logs; skip += 2) {
      const page = await codegen().logs(id, `?skip=${skip}&limit=2`);
      expect(page).toMatchObject({ total_logs: whole.total_logs, pages: Math.ceil(whole.total_logs / 2) });
      paged.push(...page.logs);
    }
    expect(paged).toEqual(whole.logs);
    expect((await codegen().logs(id, '?reverse=true')).logs).toEqual([...whole.logs].reverse());
    expect((await codegen().logs(id, '?reverse=1&skip=1&limit=1')).logs).toEqual([whole.logs.at(-2)]);
    expect(await codegen().ok('GET', `${ORG}/agent/run/${id}/logs`)).toEqual(whole);
    expect((await codegen().logs(id, '?skip=1000')).logs).toEqual([]);
    expect(whole).toMatchObject({ id, status: 'COMPLETE', result: 'Seen.', metadata: {} });
  });

  verifies(['logs.failed'], async () => {
    const failed = await world().api.start({ model: 'nobody/knows', input: 'x' });
    await world().api.finished(failed.id);
    expect((await codegen().logs(failed.number)).logs.at(-1)).toMatchObject({ message_type: 'ERROR' });
    const cancelled = await world().api.start({ model: 'script/approval', input: 'x' });
    await world().api.reaches(cancelled.id, 'waiting');
    await world().api.command(cancelled.id, 'cancel', { reason: 'enough' });
    const { logs } = await codegen().logs(cancelled.number);
    expect(logs.at(-1)).toMatchObject({
      message_type: 'ERROR',
      observation: 'The run was cancelled: enough',
    });
    expect(logs.map((entry) => entry.observation)).toContainEqual(
      expect.objectContaining({ kind: 'approval' }) as object,
    );
  });
});

describe('organizations and the rest', () => {
  verifies(['users.me'], async () => {
    const me = await codegen().ok<{ id: number }>('GET', '/v1/users/me');
    expect(me).toEqual({
      id: 1,
      email: null,
      github_user_id: '',
      github_username: 'admin',
      avatar_url: null,
      full_name: 'admin',
      role: 'ADMIN',
      is_admin: true,
    });
    const page = await codegen().ok<{ items: { id: number; role: string }[] }>('GET', `${ORG}/users?limit=2`);
    expect(page).toMatchObject({ total: 4, page: 1, size: 2, pages: 2 });
    expect(page.items[0]).toEqual(me);
    expect(await codegen().ok('GET', `${ORG}/users/1`)).toEqual(me);
    const viewer = codegenOf(world(), 'viewer');
    expect(await viewer.ok('GET', '/v1/users/me')).toMatchObject({ role: 'MEMBER', is_admin: false });
  });

  verifies(['organizations.list'], async () => {
    const settings = { enable_pr_creation: false, enable_rules_detection: false };
    const items = [{ id: 1, name: expect.any(String) as string, settings }];
    const place = { total: 1, page: 1, size: 100, pages: 1 };
    expect(await codegen().ok('GET', '/v1/organizations')).toEqual({ items, ...place });
    expect(await codegen().ok('GET', '/v1/organizations?page=2&size=10')).toMatchObject({
      items: [],
      page: 2,
      size: 10,
    });
    expect(await codegen().ok('GET', '/v1/organizations?page=x&size=-1')).toEqual({ items, ...place });
    expect(await codegen().ok('GET', '/v1/organizations?page=2&size=10&skip=0')).toEqual({ items, ...place });
    expect(await codegen().ok('GET', `${ORG}/settings`)).toEqual(settings);
  });

  verifies(['models.list', 'rules.get', 'repos.list'], async () => {
    expect(await codegen().ok('GET', `${ORG}/models`)).toEqual({
      providers: [{ name: 'script', models: [{ label: 'echo', value: 'script/echo' }] }],
      default_model: 'script/echo',
    });
    expect(await codegen().ok('GET', `${ORG}/cli/rules`)).toEqual({
      organization_rules: null,
      user_custom_prompt: null,
    });
    const nothing = { items: [], total: 0, page: 1, size: 100, pages: 0 };
    expect(await codegen().ok('GET', `${ORG}/repos`)).toEqual(nothing);
    expect(await codegen().ok('GET', `${ORG}/repositories`)).toEqual(nothing);
  });

  verifies(['check-suite.settings'], async () => {
    const path = `${ORG}/repos/check-suite-settings?repo_id=5`;
    const defaults = {
      check_retry_count: 3,
      ignored_checks: [],
      check_retry_counts: {},
      custom_prompts: {},
      high_priority_apps: [],
      available_check_suite_names: [],
    };
    expect(await codegen().ok('GET', path)).toEqual(defaults);
    await codegen().ok('PUT', path, { check_retry_count: 0, custom_prompts: { lint: 'fix it' } });
    await codegen().ok('PUT', path, { ignored_checks: ['slow'], check_retry_count: null });
    expect(await codegen().ok('GET', path)).toEqual({
      ...defaults,
      check_retry_count: 0,
      custom_prompts: { lint: 'fix it' },
      ignored_checks: ['slow'],
    });
    expect(await codegen().ok('GET', path.replace('=5', '=6'))).toEqual(defaults);
  });

  verifies(['prs.edit', 'sandbox.analyze', 'integrations.list', 'slack.token', 'tools.list'], async () => {
    expect(await codegen().ok('PATCH', `${ORG}/prs/3`, { state: 'closed' })).toMatchObject({
      success: false,
    });
    expect(await codegen().ok('PATCH', `${ORG}/repos/1/prs/3`, { state: 'open' })).toMatchObject({
      success: false,
      error: expect.any(String) as string,
    });
    const message = 'No logs available for analysis';
    expect((await codegen().request('POST', `${ORG}/sandbox/1/analyze-logs`)).body).toEqual({
      message,
      status_code: 400,
      detail: message,
    });
    expect(await codegen().ok('GET', `${ORG}/integrations`)).toMatchObject({
      organization_id: 1,
      integrations: [],
      total_active_integrations: 0,
    });
    expect(await codegen().ok('GET', '/v1/mcp-providers')).toEqual([]);
    expect(await codegen().ok('GET', '/v1/oauth/tokens/status?org_id=1')).toEqual([]);
    const revoke = '/v1/oauth/tokens/revoke?org_id=1&provider=linear';
    expect(await codegen().ok('POST', revoke)).toMatchObject({ success: false });
    const token = await codegen().ok('POST', '/v1/slack-connect/generate-token', { org_id: 1 });
    expect(token).toMatchObject({ token: '', expires_in_minutes: 0 });
    expect(await codegen().ok('GET', `${ORG}/tools?repo_id=1`)).toEqual({ tools: [], total_count: 0 });
    expect(
      await codegen().ok('POST', `${ORG}/tools/execute`, { tool_name: 'x', arguments: {} }),
    ).toMatchObject({
      success: false,
      tool_name: 'x',
    });
  });

  verifies(['sessions.cli'], async () => {
    const session = '01900000-0000-7000-8000-00000000beef';
    const begin = (): Promise<{ agent_run_id: number }> =>
      codegen().ok('POST', `${ORG}/claude_code/session`, { session_id: session });
    const [{ agent_run_id: id }, again] = [await begin(), await begin()];
    expect(again.agent_run_id).toBe(id);
    expect(await codegen().get(id)).toMatchObject({ status: 'ACTIVE', source_type: 'LOCAL' });
    const path = `${ORG}/claude_code/session/${session.toUpperCase()}`;
    const report = async (status: string): Promise<string> => {
      await codegen().ok('POST', `${path}/status`, { status });
      return (await codegen().get(id)).status;
    };
    const line = { type: 'user', uuid: 'line-1', message: { content: 'hello' } };
    for (const log of [line, line, { type: 'big', text: 'x'.repeat(300_000) }]) {
      await codegen().ok('POST', `${path}/log`, { log });
    }
    const { logs } = await codegen().logs(id);
    expect(logs.filter((entry) => entry.thought === 'claude_code').map((entry) => entry.observation)).toEqual(
      [line, { file: expect.stringMatching(/^blob:sha256-/) as string }],
    );
    expect(await report('COMPLETE')).toBe('COMPLETE');
    expect(await report('COMPLETE')).toBe('COMPLETE');
    expect(await report('ACTIVE')).toBe('ACTIVE');
    expect(await report('ERROR')).toBe('ERROR');
    expect(await report('CANCELLED')).toBe('ERROR');
    expect(await report('ACTIVE')).toBe('ACTIVE');
    expect(await report('CANCELLED')).toBe('CANCELLED');
    expect((await begin()).agent_run_id).toBe(id);
  });
});
