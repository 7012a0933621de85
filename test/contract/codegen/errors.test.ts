import { describe, expect, it } from 'vitest';
import { codegenFace } from '../../../packages/server/src/dialects/codegen/codegen-face.ts';
import { EngineError } from '../../../packages/server/src/engine/errors.ts';
import { startApp } from '../../../packages/server/src/http/testing/app-fixture.ts';
import { sharedWorld } from '../../world/server.ts';
import { codegenOf, PIXEL, type CodegenClient, type Reply, type RequestOptions } from './codegen-client.ts';
import { sampleIds, sampleRequests, WITHOUT_ORGANIZATION } from './sample-requests.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ env: { FERMATA_CODEGEN_RATE_LIMITS: 'off' } });
const codegen = (): CodegenClient => codegenOf(world());
const RUN = '/v1/organizations/1/agent/run';
const RESUME = `${RUN}/resume`;

interface Fault {
  loc: (string | number)[];
  msg: string;
  type: string;
}

async function faults(method: string, path: string, options: RequestOptions = {}): Promise<Fault[]> {
  const reply = await codegen().request<{ detail: Fault[] }>(method, path, options);
  expect([path, reply.status]).toEqual([path, 422]);
  return reply.body.detail;
}

async function fault(method: string, path: string, options: RequestOptions = {}): Promise<Fault> {
  const [first, ...more] = await faults(method, path, options);
  expect(more).toEqual([]);
  return first ?? { loc: [], msg: '', type: '' };
}

const refused = (status: number, message: string): object => ({
  status,
  body: { message, status_code: status, detail: message },
});

async function asked(path: string, options?: RequestOptions, method = 'GET'): Promise<object> {
  const { status, body } = await codegen().request(method, path, options);
  return { status, body };
}

describe('errors', () => {
  verifies(['error.401', 'error.form'], async () => {
    for (const { method, path, body } of sampleRequests(1)) {
      for (const key of [null, 'sk-unknown']) {
        const reply = await codegen().request(method, path, { body, key });
        expect([path, reply.status]).toEqual([path, 401]);
        expect(reply.headers.get('www-authenticate')).toBe('Bearer');
      }
    }
  });

  verifies(['error.organization'], async () => {
    const { runId } = await sampleIds(world(), codegen());
    const message = 'You do not have access to this organization.';
    for (const orgId of [2, 99, 0, -1, '99999999999999999999']) {
      for (const { operation, method, path, body } of sampleRequests(runId, orgId)) {
        if (WITHOUT_ORGANIZATION.has(operation.operationId)) continue;
        expect([path, await asked(path, { body }, method)]).toEqual([path, refused(403, message)]);
      }
    }
  });

  verifies(['error.role'], async () => {
    const keys = { viewer: codegenOf(world(), 'viewer'), operator: codegenOf(world(), 'operator') };
    for (const { operation, method, path, body } of sampleRequests(999_999)) {
      const { role } = operation;
      const lesser =
        role === 'viewer'
          ? []
          : role === 'operator'
            ? ['viewer' as const]
            : (['viewer', 'operator'] as const);
      for (const who of lesser) {
        const reply = await keys[who].request(method, path, { body });
        expect([path, who, reply.status]).toEqual([path, who, 403]);
      }
    }
    const body = { agent_run_id: 1, prompt: 'x', webhooks: [{ url: 'https://example.com' }] };
    const run = await world().api.start({ input: 'x' });
    const reply = await keys.operator.request('POST', RESUME, {
      body: { ...body, agent_run_id: run.number },
    });
    expect(reply.status).toBe(403);
    await world().api.finished(run.id);
  });

  verifies(['error.not-found'], async () => {
    const foreign = await world().stranger.start({ input: 'x' });
    await world().stranger.finished(foreign.id);
    const message = 'Agent run not found.';
    for (const id of [999_999, 0, -5, '99999999999999999999', foreign.number, foreign.id]) {
      for (const path of [
        `${RUN}/${id}`,
        `${RUN}/${id}/logs`,
        `/v1/alpha/organizations/1/agent/run/${id}/logs`,
      ]) {
        expect([path, await asked(path)]).toEqual([path, refused(404, message)]);
      }
      for (const verb of ['resume', 'ban', 'unban', 'remove-from-pr']) {
        const body = { agent_run_id: id, prompt: 'x' };
        expect(await asked(`${RUN}/${verb}`, { body }, 'POST')).toEqual(refused(404, message));
      }
    }
    const users = '/v1/organizations/1/users';
    for (const id of [999_999, 0, '99999999999999999999']) {
      expect(await asked(`${users}/${id}`)).toEqual(refused(404, 'User not found.'));
    }
    const status = '/v1/organizations/1/claude_code/session/01900000-0000-7000-8000-0000000000ff/status';
    expect(await asked(status, { body: { status: 'ACTIVE' } }, 'POST')).toEqual(
      refused(404, 'Session not found.'),
    );
  });

  verifies(['error.unknown-path'], async () => {
    for (const path of ['/v1/nowhere', '/', '/v2/organizations', '/v1/organizations/1/agent']) {
      expect([path, await asked(path)]).toEqual([path, refused(404, 'Not Found')]);
    }
    const reply = await codegen().request('DELETE', `${RUN}/1`);
    expect(reply).toMatchObject(refused(405, 'Method Not Allowed'));
    expect(reply.headers.get('allow')).toContain('GET');
  });

  verifies(['error.word'], async () => {
    for (const word of ['resume', 'ban', 'unban', 'remove-from-pr', 'x', '12.5']) {
      expect(await fault('GET', `${RUN}/${word}`)).toEqual({
        type: 'int_parsing',
        loc: ['path', 'agent_run_id'],
        msg: 'Input should be a valid integer, unable to parse string as an integer',
      });
    }
  });

  verifies(['error.json'], async () => {
    for (const raw of ['{', '{"prompt": "x",}', 'nonsense', '[1, 2']) {
      expect(await fault('POST', RUN, { raw })).toMatchObject({
        type: 'json_invalid',
        msg: 'JSON decode error',
      });
    }
    expect(await fault('POST', RUN)).toEqual({ type: 'missing', loc: ['body'], msg: 'Field required' });
    for (const raw of ['[]', '"text"', '12']) {
      expect(await fault('POST', RUN, { raw })).toMatchObject({
        type: 'model_attributes_type',
        loc: ['body'],
      });
    }
    expect(await fault('POST', RUN, { raw: `${'['.repeat(200)}${']'.repeat(200)}` })).toMatchObject({
      type: 'value_error',
    });
    const typed = await codegen().request('POST', RUN, {
      raw: 'prompt=x',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(typed.status).toBe(415);
  });

  const integer = { type: 'int_type', msg: 'Input should be a valid integer' };
  const parsing = {
    type: 'int_parsing',
    msg: 'Input should be a valid integer, unable to parse string as an integer',
  };
  const text = { type: 'string_type', msg: 'Input should be a valid string' };

  verifies(['error.validation'], async () => {
    const cases: [string, unknown, object][] = [
      ['agent_run_id', undefined, { type: 'missing', msg: 'Field required' }],
      ['agent_run_id', null, integer],
      ['agent_run_id', [1], integer],
      ['agent_run_id', {}, integer],
      ['agent_run_id', 'x', parsing],
      ['agent_run_id', '', parsing],
      [
        'agent_run_id',
        12.5,
        {
          type: 'int_from_float',
          msg: 'Input should be a valid integer, got a number with a fractional part',
        },
      ],
      ['prompt', undefined, { type: 'missing', msg: 'Field required' }],
      ['prompt', null, text],
      ['prompt', 12, text],
      ['images', 'x', { type: 'list_type', msg: 'Input should be a valid list' }],
      ['model', 1, text],
      ['webhooks', {}, { type: 'list_type' }],
    ];
    for (const [name, value, expected] of cases) {
      const body = { agent_run_id: 1, prompt: 'x', [name]: value };
      expect(await fault('POST', RESUME, { body })).toMatchObject({ loc: ['body', name], ...expected });
    }
    const places: [object, (string | number)[], object][] = [
      [{ images: [1] }, ['images', 0], text],
      [{ webhooks: [1] }, ['webhooks', 0], { type: 'dict_type', msg: 'Input should be a valid dictionary' }],
      [{ webhooks: [{}] }, ['webhooks', 0, 'url'], { type: 'missing' }],
      [{ webhooks: [{ url: 'x' }] }, ['webhooks', 0, 'url'], { type: 'url_parsing' }],
      [{ webhooks: [{ url: 'ftp://x' }] }, ['webhooks', 0, 'url'], { type: 'url_scheme' }],
      [{ webhooks: [{ url: 'http://x', secret: 1 }] }, ['webhooks', 0, 'secret'], text],
      [{ metadata: [] }, ['metadata'], { type: 'dict_type' }],
      [{ repo_id: 1.5 }, ['repo_id'], { type: 'int_from_float' }],
      [
        { agent_type: 'other' },
        ['agent_type'],
        { type: 'literal_error', msg: "Input should be 'codegen' or 'claude_code'" },
      ],
    ];
    for (const [more, loc, expected] of places) {
      const found = await fault('POST', RUN, { body: { prompt: 'x', ...more } });
      expect(found).toMatchObject({ loc: ['body', ...loc], ...expected });
    }
    expect(await faults('POST', RESUME, { body: {} })).toHaveLength(2);
  });

  verifies(['error.validation'], async () => {
    const RUNS = '/v1/organizations/1/agent/runs';
    const bounds: [string, string, object][] = [
      ['limit', '0', { type: 'greater_than_equal', msg: 'Input should be greater than or equal to 1' }],
      ['limit', '101', { type: 'less_than_equal', msg: 'Input should be less than or equal to 100' }],
      ['skip', '-1', { type: 'greater_than_equal', msg: 'Input should be greater than or equal to 0' }],
      ['limit', 'x', parsing],
      ['limit', '', parsing],
      ['user_id', '1.5', parsing],
    ];
    for (const [name, value, expected] of bounds) {
      expect(await fault('GET', `${RUNS}?${name}=${value}`)).toMatchObject({
        loc: ['query', name],
        ...expected,
      });
    }
    expect(await fault('GET', `${RUNS}?source_type=api`)).toEqual({
      type: 'enum',
      loc: ['query', 'source_type'],
      msg: "Input should be 'LOCAL', 'SLACK', 'GITHUB', 'GITHUB_CHECK_SUITE', 'GITHUB_PR_REVIEW', 'LINEAR', 'API', 'CHAT', 'JIRA', 'CLICKUP', 'MONDAY' or 'SETUP_COMMANDS'",
    });
    expect(await fault('GET', `${RUN}/1/logs?reverse=maybe`)).toMatchObject({
      type: 'bool_parsing',
      loc: ['query', 'reverse'],
      msg: 'Input should be a valid boolean, unable to interpret input',
    });
    const settings = '/v1/organizations/1/repos/check-suite-settings';
    expect(await fault('GET', settings)).toMatchObject({ type: 'missing', loc: ['query', 'repo_id'] });
    const body = { check_retry_count: 11 };
    expect(await fault('PUT', `${settings}?repo_id=1`, { body })).toMatchObject({ type: 'less_than_equal' });
    expect(await fault('GET', '/v1/organizations/abc/users')).toMatchObject({ loc: ['path', 'org_id'] });
    expect(await fault('PATCH', '/v1/organizations/1/prs/1', { body: { state: 'merged' } })).toMatchObject({
      msg: "Input should be 'open', 'closed', 'draft' or 'ready_for_review'",
    });
    const session = '/v1/organizations/1/claude_code/session';
    expect(await fault('POST', session, { body: { session_id: 'x' } })).toMatchObject({
      type: 'uuid_parsing',
    });
  });

  verifies(
    ['error.images'],
    async () => {
      const bad = [
        'x',
        'https://example.com/a.png',
        `data:image/png,${PIXEL}`,
        `data:image/png;base64,not base64!`,
        PIXEL,
      ];
      for (const image of bad) {
        expect(await fault('POST', RUN, { body: { prompt: 'x', images: [image] } })).toEqual({
          type: 'value_error',
          loc: ['body', 'images', 0],
          msg: 'Value error, images must be base64 data URIs',
        });
      }
      const text = Buffer.from('this is text').toString('base64');
      for (const content of [text, '']) {
        const images = [`data:image/png;base64,${PIXEL}`, `data:image/png;base64,${content}`];
        // Before the run is looked up.
        const body = { agent_run_id: 999_999, prompt: 'x', images };
        expect(await fault('POST', RESUME, { body })).toMatchObject({ loc: ['body', 'images', 1] });
        expect(await fault('POST', RUN, { body: { prompt: 'x', images } })).toMatchObject({
          loc: ['body', 'images', 1],
          type: 'value_error',
        });
      }
      const big = Buffer.alloc(13 * 1024 * 1024);
      Buffer.from(PIXEL, 'base64').copy(big);
      const half = `data:image/png;base64,${big.toString('base64')}`;
      const large = await codegen().request('POST', RUN, { body: { prompt: 'x', images: [half, half] } });
      expect(large).toMatchObject({ status: 413, body: { status_code: 413 } });
      const huge = await codegen().request('POST', RUN, {
        raw: JSON.stringify({ prompt: 'x'.repeat(37 * 1024 * 1024) }),
      });
      expect(huge.status).toBe(413);
      const other = await codegen().request('POST', '/v1/slack-connect/generate-token', {
        raw: JSON.stringify({ org_id: 1, x: 'x'.repeat(5 * 1024 * 1024) }),
      });
      expect(other.status).toBe(413);
    },
    60_000,
  );

  verifies(['error.no-internals'], async () => {
    const odd = ['\u0000', '\ud800', '💥'.repeat(1000), "';drop table runs;--", '__proto__', '%00', '../..'];
    for (const value of odd) {
      const bodies: [string, string, object][] = [
        ['POST', RUN, { prompt: value, model: value, metadata: { [value]: value } }],
        ['POST', RESUME, { agent_run_id: 1, prompt: value, model: value }],
        ['POST', '/v1/organizations/1/tools/execute', { tool_name: value, arguments: { [value]: value } }],
        ['POST', '/v1/organizations/1/claude_code/session', { session_id: value }],
      ];
      for (const [method, path, body] of bodies) {
        const reply: Reply = await codegen().request(method, path, { body });
        expect(reply.status).toBeLessThan(500);
      }
      const path = `${RUN}/${encodeURIComponent(value.toWellFormed())}`;
      expect((await codegen().request('GET', path)).status).toBeLessThan(500);
    }
    const long = await codegen().request('POST', RUN, {
      body: { prompt: 'x', metadata: { big: 'x'.repeat(400_000) } },
    });
    expect(long.status).toBe(413);
  });

  verifies(['error.503'], async () => {
    await using fixture = await startApp([codegenFace({ hasRateLimits: false })]);
    fixture.fake.failNext(new EngineError('unavailable', 'The server is shutting down'));
    const request = { json: { prompt: 'x' } };
    const response = await fixture.request('POST', '/codegen/v1/organizations/1/agent/run', request);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    const message = 'The server is shutting down';
    expect(await response.json()).toEqual({ message, status_code: 503, detail: message });
    fixture.fake.failNext(new Error('an inside of the server'));
    const failed = await fixture.request('POST', '/codegen/v1/organizations/1/agent/run', request);
    expect(failed.status).toBe(500);
    expect(await failed.text()).not.toContain('inside');
  });

  it('of a run with a huge number are those of an unknown run', async () => {
    const body = { agent_run_id: 1e300, prompt: 'x' };
    expect((await codegen().request('POST', RESUME, { body })).status).toBe(404);
  });
});
