import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isJsonObject, type JsonObject } from '@fermata/protocol';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { compileSchema } from '../../../packages/server/src/schemas/json-schema.ts';
import { sharedWorld } from '../../world/server.ts';
import {
  operationsOf,
  pathOf,
  readDocument,
  type Document,
  type DocumentedOperation,
} from './operations-document.ts';
import { SAMPLE_BODIES, sampleIds, waitingRun, type SampleIds } from './sample-data.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const COMMITTED = fileURLToPath(new URL('../../../openapi/native.json', import.meta.url));

let document: Document;
let operations: DocumentedOperation[];

beforeAll(async () => {
  document = await readDocument(world());
  operations = operationsOf(document);
});

const schema = z.record(z.string(), z.unknown());
const content = z.record(
  z.string().regex(/^[\w*]+\/[\w.+*-]+$/),
  z.strictObject({ schema: schema, example: z.unknown().optional() }),
);
const described = z.string().min(3);

/** OpenAPI 3.1.1, the parts that the document uses, and nothing else. */
const openApiSchema = z.strictObject({
  openapi: z.literal('3.1.0'),
  info: z.strictObject({ title: described, version: z.string(), description: described }),
  servers: z.array(z.strictObject({ url: z.string().startsWith('/'), description: described })).min(1),
  tags: z.array(z.strictObject({ name: z.string(), description: described })),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  paths: z.record(
    z.string().regex(/^\/[a-z{}A-Z/-]+$/),
    z.partialRecord(
      z.enum(['get', 'post', 'patch', 'delete']),
      z.looseObject({
        operationId: z.string().regex(/^[a-z][A-Za-z]+$/),
        tags: z.array(z.string()).length(1),
        summary: described,
        description: described,
        parameters: z
          .array(
            z.looseObject({
              name: z.string().min(1),
              in: z.enum(['path', 'query', 'header']),
              required: z.boolean(),
              description: described,
              schema,
            }),
          )
          .optional(),
        requestBody: z.strictObject({ required: z.boolean(), content }).optional(),
        responses: z.record(
          z.string().regex(/^[245]\d\d$/),
          z.strictObject({ description: described, content: content.optional() }),
        ),
      }),
    ),
  ),
  components: z.strictObject({
    schemas: z.record(z.string(), schema),
    securitySchemes: z.record(z.string(), schema),
  }),
});

/** Every object that stands anywhere in the value, with its path. */
function* objects(value: unknown, path = ''): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [path, value as Record<string, unknown>];
  for (const [key, member] of Object.entries(value))
    yield* objects(member, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
}

describe('the OpenAPI document', () => {
  verifies(['openapi.served'], () => {
    expect(JSON.parse(readFileSync(COMMITTED, 'utf8'))).toEqual(document);
    const checked = partial(document);
    expect(checked.success ? [] : checked.error.issues.slice(0, 5)).toEqual([]);
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, method } of operations) {
      const parameters = (document.paths[path]?.[method.toLowerCase()]?.parameters ?? []).filter(
        (one) => one.in === 'path',
      );
      const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect([path, parameters.map((one) => one.name)]).toEqual([path, names]);
    }
    for (const [path, object] of objects(document)) {
      if (typeof object['$ref'] === 'string') {
        const name = object['$ref'].replace('#/components/schemas/', '');
        expect([path, name in document.components.schemas]).toEqual([path, true]);
      }
      if (path.endsWith('/properties')) continue;
      const properties = object['properties'];
      if (typeof properties !== 'object' || properties === null || path.includes('/example')) continue;
      for (const [name, member] of Object.entries(properties as Record<string, Record<string, unknown>>)) {
        expect([path, name, 'description' in member || '$ref' in member]).toEqual([path, name, true]);
      }
    }
  });

  it('is found invalid when something is wrong with it', () => {
    const broken = structuredClone(document) as unknown as {
      paths: Record<string, Record<string, { summary?: string }>>;
    };
    const operation = Object.values(broken.paths)[0]?.['post'];
    if (operation !== undefined) delete operation.summary;
    expect(partial(broken).success).toBe(false);
  });

  verifies(['openapi.every-operation'], async () => {
    const ids = await sampleIds(world());
    const answered: string[] = [];
    for (const operation of operations) {
      const { body, values } = await request(operation, ids);
      const reply =
        operation.operationId === 'watchChanges'
          ? await openStream()
          : await world().api.request(operation.method, pathOf(operation.path, values), { body });
      const response = operation.responses[String(reply.status)];
      expect([operation.operationId, reply.status, response !== undefined]).toEqual([
        operation.operationId,
        reply.status,
        true,
      ]);
      expect([operation.operationId, reply.status < 300]).toEqual([operation.operationId, true]);
      const documented = response?.content?.['application/json']?.schema;
      if (documented !== undefined) {
        const compiled = compileSchema(withComponents(documented));
        const problem = compiled.ok ? compiled.validate(reply.body) : compiled;
        expect([operation.operationId, problem]).toEqual([operation.operationId, null]);
      }
      answered.push(operation.operationId);
    }
    expect(answered).toEqual(operations.map(({ operationId }) => operationId));
  });

  verifies(['shape.prefixes'], async () => {
    for (const operation of operations.filter(
      ({ method, path }) => method === 'GET' && !path.includes('{') && path !== '/changes',
    )) {
      const short = await world().api.request('GET', `/v1${operation.path}`);
      const long = await world().api.request('GET', `/native/v1${operation.path}`);
      expect([operation.operationId, long.status, long.body]).toEqual([
        operation.operationId,
        200,
        short.body,
      ]);
    }
    const folded = await world().api.request('GET', '//v1//me/');
    expect(folded.status).toBe(200);
  });

  verifies(['service.pages'], async () => {
    const get = (path: string, accept = '*/*'): Promise<Response> =>
      fetch(world().url + path, { headers: { accept } });
    for (const path of ['/', '/docs', '/docs/native', '/docs/errors']) {
      const response = await get(path, 'text/html');
      expect([path, response.status]).toEqual([path, 200]);
      expect(response.headers.get('content-type')).toMatch(/^text\/html/);
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    }
    expect(await (await get('/', 'application/json')).json()).toMatchObject({
      name: 'fermata',
      faces: [
        { name: 'native' },
        { name: 'telnyx' },
        { name: 'codegen' },
        { name: 'runtype' },
        { name: 'shannon' },
      ],
    });
    expect(await (await get('/healthz')).json()).toEqual({ status: 'ok' });
    expect(await (await get('/readyz')).json()).toEqual({ status: 'ready' });
    const metrics = await get('/metrics');
    expect(metrics.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(await metrics.text()).toMatch(/^# HELP /m);
  });
});

function partial(value: unknown): ReturnType<typeof openApiSchema.safeParse> {
  return openApiSchema.safeParse(value);
}

/** The schema with the components that it refers to, where its references look for them. */
function withComponents(root: object): JsonObject {
  const schemas: JsonObject = {};
  const add = (value: object): void => {
    for (const match of JSON.stringify(value).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      const name = match[1] ?? '';
      const component = document.components.schemas[name];
      if (component === undefined || name in schemas || !isJsonObject(component)) continue;
      schemas[name] = component;
      add(component);
    }
  };
  add(root);
  return { ...(root as JsonObject), components: { schemas } };
}

interface Sample {
  body: unknown;
  values: SampleIds;
}

/** What makes the operation answer 2xx. */
async function request(operation: DocumentedOperation, ids: SampleIds): Promise<Sample> {
  const { api } = world();
  const body = operation.hasBody ? SAMPLE_BODIES[operation.operationId] : undefined;
  switch (operation.operationId) {
    case 'cancelRun':
    case 'reportRun':
    case 'forkRun':
    case 'resumeRun':
    case 'pauseRun': {
      const { runId } = await waitingRun(world());
      return { body, values: { ...ids, runId } };
    }
    case 'retryRun': {
      const run = await api.start({ model: 'no/model', input: 'x' });
      await api.reaches(run.id, 'failed');
      return { body, values: { ...ids, runId: run.id } };
    }
    case 'answerWait':
    case 'answerCall': {
      const { runId, wait } = await waitingRun(world());
      const values = { ...ids, runId, waitId: wait.id, callId: wait.callId ?? '' };
      return { body: { decision: 'deny', digest: wait.digest }, values };
    }
    case 'deleteAgent': {
      const agent = await api.call<{ id: string }>('POST', '/v1/agents', { name: 'to delete' });
      return { body, values: { ...ids, agentId: agent.id } };
    }
    default:
      return { body, values: ids };
  }
}

/** A stream that never ends by itself: its head is what counts. */
async function openStream(): Promise<{ status: number; body: unknown }> {
  const controller = new AbortController();
  const response = await fetch(`${world().url}/v1/changes`, {
    headers: { authorization: `Bearer ${world().api.key}`, accept: 'text/event-stream' },
    signal: controller.signal,
  });
  controller.abort();
  return { status: response.status, body: null };
}
