import type { FastifyInstance } from 'fastify';
import type { FaceContext } from '../../http/face.ts';
import type { OpenApiDocument } from '../../http/openapi.ts';
import { sendJson } from './send-json.ts';

/** `/health`, `/readiness`, `/openapi.json`: without a key. */
export function registerKeylessRoutes(
  app: FastifyInstance,
  { server, draining }: FaceContext,
  openApi: () => OpenApiDocument,
): void {
  app.get('/health', (_request, reply) =>
    sendJson(reply, 200, { status: 'healthy', version: server.version, time: new Date().toISOString() }),
  );
  app.get('/readiness', (_request, reply) =>
    draining.aborted
      ? sendJson(reply, 503, { status: 'not_ready', checks: { server: 'stopping' } })
      : sendJson(reply, 200, { status: 'ready', checks: { server: 'ok' } }),
  );
  app.get('/openapi.json', (_request, reply) => sendJson(reply, 200, openApi()));
}
