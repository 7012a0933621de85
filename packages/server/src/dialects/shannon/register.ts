import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../engine/caller.ts';
import { EngineError, ReplayedReply } from '../../engine/errors.ts';
import { authenticate, credentialOf, requireRole } from '../../http/auth.ts';
import { replaceBodyParser } from '../../http/body-parsers.ts';
import { registerCallerRoute } from '../../http/caller-route.ts';
import type { FaceContext } from '../../http/face.ts';
import { commandOptions, fingerprintOf, type JsonReply } from '../../http/idempotency.ts';
import { pathOf } from '../../http/request-url.ts';
import { sendStream, StreamLifetime } from '../../http/sse.ts';
import { readBody, type ReadBody } from './body.ts';
import { badRequest } from './errors.ts';
import { sendJson } from './send-json.ts';
import { isLimited, limitShannonRate } from './rate-limits.ts';
import type { ShannonOptions, ShannonReply, ShannonRequest, ShannonRoute } from './route.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;
const MAX_KEY_LENGTH = 255;
const EXPOSED_HEADERS = [
  'X-RateLimit-Limit-Minute',
  'X-RateLimit-Limit-Hour',
  'X-RateLimit-Remaining-Minute',
  'X-RateLimit-Remaining-Hour',
  'X-RateLimit-Reset',
  'X-Trace-Id',
  'X-Span-Id',
  'X-Session-ID',
  'X-Shannon-Session-ID',
  'X-Workflow-ID',
  'ETag',
];
/** What every reply tells of the request's trace, and what browsers may read of it. */
const SPAN_BYTES = 8;

export interface ShannonBinding {
  context: FaceContext;
  options: ShannonOptions;
}

/** Puts the routes on an instance: trace, key, role, validation, idempotency, handler, in Shannon's order. */
export function registerRoutes(
  app: FastifyInstance,
  routes: readonly ShannonRoute[],
  binding: ShannonBinding,
): void {
  replaceBodyParser(app, (_request, body) => readBody(body));
  app.addHook('onRequest', async (request, reply) => describeTrace(request, reply));
  const methodsByUrl = new Map<string, string[]>();
  for (const route of routes) {
    const url = urlOf(route.path);
    methodsByUrl.set(url, [...(methodsByUrl.get(url) ?? []), route.method]);
    registerRoute(app, url, route, binding);
  }
  for (const [url, methods] of methodsByUrl) refuseOtherMethods(app, url, methods);
}

function urlOf(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

/** Who asks, by the request's key; for streams of browsers also by the query. Throws `unauthenticated`. */
export async function authenticateShannon(
  { context }: ShannonBinding,
  request: FastifyRequest,
  takesQueryCredentials: boolean,
): Promise<Caller> {
  if (takesQueryCredentials && credentialOf(request) === null) {
    const query = queryOf(request);
    const key = query.get('api_key') ?? query.get('token');
    if (key !== null && key !== '') request.headers['x-api-key'] = key;
  }
  return authenticate(context.engine, request, 'shannon');
}

function registerRoute(
  app: FastifyInstance,
  url: string,
  route: ShannonRoute,
  binding: ShannonBinding,
): void {
  const isCounted = binding.options.hasRateLimits && isLimited(route);
  registerCallerRoute(app, {
    method: route.method,
    url,
    bodyLimitBytes: route.bodyLimitBytes,
    async admit(request, reply) {
      const caller = await authenticateShannon(binding, request, route.takesQueryCredentials === true);
      requireRole(caller, route.role);
      if (isCounted) await limitShannonRate(binding.context, caller, reply);
      return caller;
    },
    answer: (caller, request, reply) => answer(app, route, binding, caller, request, reply),
  });
}

async function answer(
  app: FastifyInstance,
  route: ShannonRoute,
  binding: ShannonBinding,
  caller: Caller,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  let lifetime: StreamLifetime | undefined;
  const asked = requestOf(app, route, binding, caller, request, () => {
    lifetime ??= new StreamLifetime(reply, binding.context.draining);
    return lifetime.signal;
  });
  let result: ShannonReply;
  try {
    result = await route.handle(asked);
  } catch (error) {
    lifetime?.[Symbol.dispose]();
    if (!(error instanceof ReplayedReply)) throw error;
    const { status, body } = error.reply;
    void reply.headers({
      'x-idempotency-cached': 'true',
      'x-idempotency-key': asked.header('idempotency-key') ?? '',
    });
    return send(route, reply, { status, body: body === '' ? null : (JSON.parse(body) as unknown) });
  }
  if (!('stream' in result)) {
    if (binding.context.isCheckingReplies) checkReply(route, result);
    return send(route, reply, result);
  }
  void reply.headers(result.headers ?? {});
  const streaming = lifetime ?? new StreamLifetime(reply, binding.context.draining);
  const isAuthorized = async (): Promise<boolean> => {
    const secret = credentialOf(request);
    return (
      secret !== null && (await binding.context.engine.identity.authenticate(secret, 'shannon')) !== null
    );
  };
  const times = { heartbeatMs: binding.options.heartbeatMs };
  await sendStream(request, reply, result.status, result.stream, streaming, isAuthorized, times);
  return reply;
}

function requestOf(
  app: FastifyInstance,
  route: ShannonRoute,
  binding: ShannonBinding,
  caller: Caller,
  request: FastifyRequest,
  streamSignal: () => AbortSignal,
): ShannonRequest {
  const { engine, server } = binding.context;
  const header = (name: string): string | undefined => {
    const value = request.headers[name];
    return Array.isArray(value) ? value.join() : value;
  };
  const body = (request.body ?? { ok: true, value: undefined }) as ReadBody;
  const traceparent = header('traceparent');
  const key = route.isKeyed === true ? keyOf(header('idempotency-key')) : null;
  // Another body is another request here, so the body is part of the place that the key has.
  const seen = body.ok ? (body.value ?? null) : body.message;
  const path = `${pathOf(request.url).slice(app.prefix.length)} ${fingerprintOf(seen)}`;
  const keyed = key === null ? null : { caller, method: route.method, path, key, body: seen };
  return {
    engine,
    caller,
    server,
    options: binding.options,
    params: request.params as Record<string, string>,
    query: queryOf(request),
    body,
    header,
    basePath: app.prefix === '/' ? '' : app.prefix,
    traceparent: traceparent !== undefined && TRACEPARENT.test(traceparent) ? traceparent : undefined,
    streamSignal,
    async command<T>(
      run: (options: ReturnType<typeof commandOptions>) => Promise<T>,
      toReply: (result: T) => JsonReply,
    ) {
      return toReply(await run(commandOptions<T>(keyed, toReply)));
    },
  };
}

function keyOf(header: string | undefined): string | null {
  if (header === undefined || header === '') return null;
  if (header.length > MAX_KEY_LENGTH) throw badRequest('Invalid Idempotency-Key');
  return header;
}

function queryOf(request: FastifyRequest): URLSearchParams {
  const at = request.url.indexOf('?');
  return new URLSearchParams(at < 0 ? '' : request.url.slice(at + 1));
}

function send(
  route: ShannonRoute,
  reply: FastifyReply,
  { status, body, headers }: JsonReply & { headers?: Record<string, string> },
): FastifyReply {
  void reply.headers({ ...route.headersOf?.(body), ...headers });
  return body === null ? reply.code(status).send() : sendJson(reply, status, body);
}

function checkReply(route: ShannonRoute, { status, body }: JsonReply): void {
  const spec = route.replies[status];
  if (spec === undefined) throw new Error(`${route.operationId} answered ${status}, which it does not name`);
  const result = spec.schema?.safeParse(body);
  if (result?.success !== false) return;
  throw new Error(`${route.operationId} answered ${status} against its schema: ${result.error.message}`);
}

/** Trace id from `traceparent`, else `X-Trace-ID`, else `X-Request-ID`, else random. */
function describeTrace(request: FastifyRequest, reply: FastifyReply): void {
  const { traceparent, 'x-trace-id': traceId, 'x-request-id': requestId } = request.headers;
  const given = [TRACEPARENT.exec(String(traceparent ?? ''))?.[1], traceId, requestId].find(
    (value): value is string => typeof value === 'string' && /^[\x21-\x7e]{1,128}$/.test(value),
  );
  void reply.header('x-trace-id', given ?? randomBytes(16).toString('hex'));
  void reply.header('x-span-id', randomBytes(SPAN_BYTES).toString('hex'));
  if (reply.getHeader('access-control-allow-origin') !== undefined) {
    void reply.header('access-control-expose-headers', EXPOSED_HEADERS.join(', '));
  }
}

function refuseOtherMethods(app: FastifyInstance, url: string, methods: readonly string[]): void {
  const others = METHODS.filter((method) => !methods.includes(method));
  const allow = methods.includes('GET') ? [...methods, 'HEAD'] : methods;
  app.route({
    method: [...others],
    url,
    exposeHeadRoute: false,
    onRequest: async (_request, reply) => {
      void reply.header('allow', allow.join(', '));
      throw new EngineError('method_not_allowed', 'Method Not Allowed');
    },
    handler: (_request, reply) => reply.send(),
  });
}
