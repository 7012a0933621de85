import Telnyx from 'telnyx';
import { describe, expect } from 'vitest';
import { EngineError } from '../../../packages/server/src/engine/errors.ts';
import { telnyxFace } from '../../../packages/server/src/dialects/telnyx/telnyx-face.ts';
import { startApp } from '../../../packages/server/src/http/testing/app-fixture.ts';
import { sharedWorld } from '../../world/server.ts';
import { externalRun, JSON_TYPE, missionsOf, NO_UUID, plain, recordingClient } from './telnyx-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();

async function raised(ask: Promise<unknown>): Promise<InstanceType<typeof Telnyx.APIError>> {
  const error: unknown = await ask.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof Telnyx.APIError) return error;
  throw new Error(`no error of the SDK: ${String(error)}`);
}

describe('errors', () => {
  verifies(['error.classes', 'error.shape'], async () => {
    const missions = missionsOf(world());
    const run = await externalRun(missions);
    await missions.runs.cancelRun(run.run_id, run.of);
    const viewer = missionsOf(world(), { key: world().viewer.key });
    const cases = [
      [Telnyx.AuthenticationError, '10009', () => missionsOf(world(), { key: 'nothing' }).list()],
      [Telnyx.PermissionDeniedError, '10010', () => viewer.create({ name: 'x' })],
      [Telnyx.NotFoundError, '10005', () => missions.retrieve(NO_UUID)],
      [Telnyx.ConflictError, '10015', () => missions.runs.resumeRun(run.run_id, run.of)],
      [Telnyx.UnprocessableEntityError, '10006', () => missions.retrieve('nothing')],
    ] as const;
    for (const [type, code, ask] of cases) {
      const error = await raised(ask());
      expect(error).toBeInstanceOf(type);
      expect(error.error).toMatchObject({
        message: expect.any(String),
        errors: [
          {
            code,
            title: expect.any(String),
            detail: expect.any(String),
            meta: { url: expect.stringContaining(code) },
          },
        ],
      });
      expect(error.message).not.toContain('{');
      expect(Object.hasOwn(error.error as object, 'detail')).toBe(error.status === 422);
    }
    const noKey = await plain(world(), 'GET', '', { headers: { authorization: '' } });
    expect([noKey.status, noKey.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  });

  verifies(['error.no-retry'], async () => {
    const { telnyx, requests } = recordingClient(world());
    const { missions } = telnyx.ai;
    const run = await externalRun(missions);
    await missions.runs.cancelRun(run.run_id, run.of);
    requests.length = 0;
    for (const ask of [
      () => missions.runs.resumeRun(run.run_id, run.of),
      () => missions.retrieve(NO_UUID),
      () => missions.retrieve('nothing'),
    ]) {
      await raised(ask());
    }
    expect(requests.map((request) => [request.status, request.headers.get('x-should-retry')])).toEqual([
      [409, 'false'],
      [404, 'false'],
      [422, 'false'],
    ]);
  });

  verifies(['error.retry-after', 'error.classes'], async () => {
    await using fixture = await startApp([telnyxFace()]);
    fixture.fake.engine.missions.list = () => Promise.reject(failure);
    let failure = new EngineError('rate_limited', 'slow down', { retryAfterMs: 1 });
    const client = new Telnyx({
      apiKey: 'developer-key',
      baseURL: `${fixture.url}/telnyx/v2`,
      maxRetries: 1,
    });
    const limited = await raised(client.ai.missions.list());
    expect(limited).toBeInstanceOf(Telnyx.RateLimitError);
    expect(limited.headers?.get('retry-after-ms')).toBe('1');
    expect(limited.headers?.get('x-should-retry')).toBeNull();
    expect(limited.error).toMatchObject({ errors: [{ code: '10011' }] });
    failure = new EngineError('unavailable', 'not now', { retryAfterMs: 2 });
    const unavailable = await raised(client.ai.missions.list());
    expect([unavailable.status, unavailable.headers?.get('retry-after-ms')]).toEqual([503, '2']);
    failure = new EngineError('internal', 'select secret from table');
    const broken = await raised(client.ai.missions.list());
    expect(broken).toBeInstanceOf(Telnyx.InternalServerError);
    expect(JSON.stringify(broken.error)).not.toContain('secret');
  });

  verifies(['error.validation'], async () => {
    const run = await externalRun(missionsOf(world()));
    const ofRun = `/${run.mission_id}/runs/${run.run_id}`;
    const cases: [method: string, path: string, body: unknown, loc: unknown[], type: string, msg: string][] =
      [
        [
          'GET',
          `/${run.mission_id}/runs/x`,
          undefined,
          ['path', 'run_id'],
          'uuid_parsing',
          'Input should be a valid UUID',
        ],
        ['GET', '/x', undefined, ['path', 'mission_id'], 'uuid_parsing', 'Input should be a valid UUID'],
        ['POST', '', undefined, ['body'], 'missing', 'Field required'],
        ['POST', '', null, ['body'], 'missing', 'Field required'],
        [
          'POST',
          '',
          [],
          ['body'],
          'model_attributes_type',
          'Input should be a valid dictionary or object to extract fields from',
        ],
        ['POST', '', {}, ['body', 'name'], 'missing', 'Field required'],
        ['POST', '', { name: 1 }, ['body', 'name'], 'string_type', 'Input should be a valid string'],
        ['POST', '', { name: null }, ['body', 'name'], 'string_type', 'Input should be a valid string'],
        [
          'POST',
          '',
          { name: 'x', metadata: [] },
          ['body', 'metadata'],
          'dict_type',
          'Input should be a valid dictionary',
        ],
        [
          'POST',
          '',
          { name: 'x', execution_mode: 'else' },
          ['body', 'execution_mode'],
          'enum',
          "Input should be 'external' or 'managed'",
        ],
        [
          'PATCH',
          ofRun,
          { status: 'done' },
          ['body', 'status'],
          'enum',
          "Input should be 'pending', 'running', 'paused', 'succeeded', 'failed' or 'cancelled'",
        ],
        [
          'PATCH',
          ofRun,
          { status: null },
          ['body', 'status'],
          'enum',
          "Input should be 'pending', 'running', 'paused', 'succeeded', 'failed' or 'cancelled'",
        ],
        [
          'PATCH',
          ofRun,
          { result_payload: 'x' },
          ['body', 'result_payload'],
          'dict_type',
          'Input should be a valid dictionary',
        ],
        ['PATCH', ofRun, undefined, ['body'], 'missing', 'Field required'],
        [
          'POST',
          `${ofRun}/plan`,
          { steps: [{ description: 'd', sequence: 1 }] },
          ['body', 'steps', 0, 'step_id'],
          'missing',
          'Field required',
        ],
        [
          'POST',
          `${ofRun}/plan`,
          { steps: {} },
          ['body', 'steps'],
          'list_type',
          'Input should be a valid list',
        ],
        [
          'POST',
          `${ofRun}/plan`,
          { steps: [{ step_id: 's', description: 'd', sequence: 1.5 }] },
          ['body', 'steps', 0, 'sequence'],
          'int_from_float',
          'Input should be a valid integer, got a number with a fractional part',
        ],
        [
          'POST',
          `${ofRun}/plan`,
          { steps: [{ step_id: 's', description: 'd', sequence: '1' }] },
          ['body', 'steps', 0, 'sequence'],
          'int_type',
          'Input should be a valid integer',
        ],
        [
          'POST',
          `${ofRun}/events`,
          { type: 'note', summary: 's' },
          ['body', 'type'],
          'enum',
          "Input should be 'status_change', 'step_started', 'step_completed', 'step_failed', 'tool_call', 'tool_result', 'message', 'error' or 'custom'",
        ],
        [
          'POST',
          `${ofRun}/events`,
          { type: 'custom', summary: 's', idempotency_key: 'k'.repeat(256) },
          ['body', 'idempotency_key'],
          'string_too_long',
          'String should have at most 255 characters',
        ],
      ];
    for (const [method, path, body, loc, type, msg] of cases) {
      const reply = await plain(world(), method, path, {
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: JSON_TYPE }),
      });
      expect([method, path, body, reply.status]).toEqual([method, path, body, 422]);
      expect(reply.body['detail']).toEqual([{ loc, msg, type }]);
    }
    const plan = await plain(world(), 'POST', `${ofRun}/plan`, {
      body: JSON.stringify({ steps: [{}, {}] }),
      headers: JSON_TYPE,
    });
    expect(plan.body['detail']).toHaveLength(6);
    expect((plan.body['errors'] as object[])[3]).toMatchObject({
      code: '10004',
      title: 'Missing required parameter',
      source: { pointer: '/body/steps[1]/step_id' },
    });
    const broken = await plain(world(), 'POST', '', { body: '{"name":', headers: JSON_TYPE });
    expect([broken.status, broken.body['detail']]).toMatchObject([
      422,
      [{ loc: ['body'], type: 'json_invalid' }],
    ]);
    const text = await plain(world(), 'POST', '', {
      body: 'name=x',
      headers: { 'content-type': 'text/plain' },
    });
    expect([text.status, text.body['errors']]).toMatchObject([415, [{ code: '10014' }]]);
  });

  verifies(['error.400', 'wire.nulls'], async () => {
    const server = await world().addServer({
      FERMATA_TELNYX_VALIDATION_STATUS: '400',
      FERMATA_TELNYX_NULLS: '1',
    });
    const missions = missionsOf(world(), { url: server.url });
    const error = await raised(missions.retrieve('nothing'));
    expect(error).toBeInstanceOf(Telnyx.BadRequestError);
    expect(error.error).toMatchObject({ errors: [{ code: '10006' }], detail: [{ type: 'uuid_parsing' }] });
    const run = await externalRun(missions);
    const { data } = await missions.runs.retrieve(run.run_id, run.of);
    const unset = ['input', 'finished_at', 'result_summary', 'result_payload', 'error', 'metadata'];
    for (const member of unset) expect(data).toHaveProperty(member, null);
    const { data: without } = await missionsOf(world()).runs.retrieve(run.run_id, run.of);
    for (const member of unset) expect(without).not.toHaveProperty(member);
    const { data: mission } = await missions.retrieve(run.mission_id);
    expect(mission).toMatchObject({ description: null, instructions: null, model: null, metadata: null });
    const { data: event } = await missions.runs.events.log(run.run_id, {
      ...run.of,
      type: 'custom',
      summary: 's',
    });
    expect(event).toMatchObject({ step_id: null, agent_id: null, idempotency_key: null, payload: null });
  });

  verifies(['error.paths'], async () => {
    for (const [method, path, status] of [
      ['GET', '/x/y/z', 404],
      ['POST', `/${NO_UUID}`, 405],
      ['DELETE', '', 405],
      ['PUT', '/events', 405],
      ['GET', `/${NO_UUID}/runs/${NO_UUID}/events/evt_x`, 404],
    ] as const) {
      const reply = await plain(world(), method, path);
      expect([method, path, reply.status]).toEqual([method, path, status]);
      expect(reply.body).toMatchObject({
        message: expect.any(String),
        errors: [{ title: expect.any(String) }],
      });
      expect(reply.headers.get('content-type')).toContain('application/json');
    }
  });
});
