import type { FastifyInstance } from 'fastify';
import type { Face, FaceContext } from '../../http/face.ts';
import { HEARTBEAT_MS } from '../../http/limits.ts';
import { buildOpenApi, type OpenApiDocument } from '../../http/openapi.ts';
import { sendUnknownPath, sendWireError, wireStatus } from './errors.ts';
import { errorBody } from './wire.ts';
import { registerRoutes } from './register.ts';
import type { ShannonOptions } from './route.ts';
import { shannonRoutes, shannonTags } from './routes.ts';
import { registerKeylessRoutes } from './keyless-routes.ts';
import { registerWebSocket } from './task-socket.ts';

const PREFIX = '/shannon';

/** What the configuration says of the face. */
export type ShannonSettings = Pick<ShannonOptions, 'tiers' | 'hasRateLimits'>;

const DEFAULTS: Omit<ShannonOptions, 'tiers' | 'hasRateLimits'> = {
  unknownTaskMs: 5_000,
  heartbeatMs: HEARTBEAT_MS,
  revisionMs: 60_000,
};

/** Shannon's gateway: its SDK, CLI and desktop app work with `http://host:7700/shannon` as their base URL. */
export function shannonFace(settings: ShannonSettings, given: Partial<ShannonOptions> = {}): Face {
  const options = { ...DEFAULTS, ...settings, ...given };
  return {
    name: 'shannon',
    title: 'Shannon task API',
    prefixes: [PREFIX],
    rootPrefix: '/',
    register(app: FastifyInstance, context: FaceContext) {
      registerKeylessRoutes(app, context, shannonOpenApi);
      registerRoutes(app, shannonRoutes, { context, options });
      registerWebSocket(app, { context, options });
    },
    sendError: (error, request, reply) => sendWireError(error, request, reply),
    notFound: (request, reply) => sendUnknownPath(request, reply),
    openApi: shannonOpenApi,
  };
}

export function shannonOpenApi(): OpenApiDocument {
  return buildOpenApi({
    title: 'Shannon task API',
    version: '1',
    description: 'The task API of Shannon, as Fermata speaks it. Errors have the one member `error`.',
    prefixes: [PREFIX],
    tags: shannonTags,
    operations: shannonRoutes,
    errors: { mediaType: 'application/json', schema: errorBody, statusOf: wireStatus },
  });
}
