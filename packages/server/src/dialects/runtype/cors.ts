import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { pathOf } from '../../http/request-url.ts';

const PREFLIGHT_SECONDS = 600;
/** Source: wire section 0, rule 11. What else the page asks for is allowed too: hosts add headers of their own. */
const HEADERS = ['Content-Type', 'Authorization', 'X-API-Key', 'X-Persona-Version', 'X-Visitor-Token'];
const METHODS = 'GET, POST, PUT, PATCH, DELETE, OPTIONS';
const EXPOSED = 'Idempotency-Replayed, Request-Id, Retry-After';

/**
 * Where client tokens say which pages may ask, and refuse the others: a preflight carries none, and a page that is
 * turned away is told why.
 */
const OF_CLIENT_TOKENS = /\/v1\/(client\/|agents\/[^/]+\/approve$)/;

/** Whether pages of an origin may call a path, which begins with the mount. */
export type AllowOrigin = (origin: string, path: string) => boolean;

/**
 * `origins` are those that the operator has named. None named: pages of every origin may call, since there are keys
 * and no cookies, and a widget must work with an `apiUrl` alone.
 */
export function allowedOrigins(origins: readonly string[]): AllowOrigin {
  if (origins.length === 0 || origins.includes('*')) return () => true;
  return (origin, path) => origins.includes(origin) || OF_CLIENT_TOKENS.test(path);
}

/** Answers preflights and marks replies for browsers, on every path of the face. */
export function allowBrowsers(app: FastifyInstance, isAllowed: AllowOrigin, paths: readonly string[]): void {
  app.addHook('onRequest', async (request, reply) => markReply(request, reply, isAllowed));
  for (const path of paths) {
    app.options(path, { config: { cors: false } }, (request, reply) => {
      const asked = request.headers['access-control-request-headers'];
      return reply
        .code(204)
        .header('access-control-allow-methods', METHODS)
        .header('access-control-allow-headers', headersFor(asked))
        .header('access-control-max-age', PREFLIGHT_SECONDS)
        .send();
    });
  }
}

function markReply(request: FastifyRequest, reply: FastifyReply, isAllowed: AllowOrigin): void {
  const { origin } = request.headers;
  void reply.header('vary', 'Origin');
  void reply.removeHeader('access-control-allow-origin');
  if (origin === undefined || !isAllowed(origin, pathOf(request.url))) return;
  void reply.header('access-control-allow-origin', origin);
  void reply.header('access-control-expose-headers', EXPOSED);
}

function headersFor(asked: string | undefined): string {
  const extra = (asked ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => /^[\w-]{1,100}$/.test(name))
    .filter((name) => !HEADERS.some((known) => known.toLowerCase() === name.toLowerCase()));
  return [...HEADERS, ...extra.slice(0, 50)].join(', ');
}
