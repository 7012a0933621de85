import type { FastifyInstance } from 'fastify';
import type { Face, FaceContext } from '../../http/face.ts';
import { buildOpenApi, type OpenApiDocument } from '../../http/openapi.ts';
import { registerOperations } from '../../http/register-operations.ts';
import { authenticateRuntype } from './client-page.ts';
import { allowBrowsers, allowedOrigins } from './cors.ts';
import { RuntypeError, sendRuntypeError, statusOf } from './errors.ts';
import { mountedOperations, runtypeOperations, runtypeTags } from './operations.ts';
import { RUNTYPE_RULES } from './validation.ts';
import { errorBodySchema } from './wire.ts';

const PREFIX = '/runtype';
const TITLE = 'Runtype dispatch API';
/** Everything that the face may answer, besides what is at the root of the server. */
const PATHS = ['/v1/*', '/api/*'];

/** What the configuration says of the face. */
export interface RuntypeSettings {
  /** Origins whose pages may call; empty or with `*`: every one. */
  corsOrigins: readonly string[];
}

/** The dispatch API of Runtype: the Persona widget works with `http://host:7700/runtype/v1/dispatch` as its `apiUrl`. */
export function runtypeFace(settings: RuntypeSettings): Face {
  return {
    name: 'runtype',
    title: TITLE,
    prefixes: [PREFIX],
    rootPrefix: '',
    register(app: FastifyInstance, context: FaceContext) {
      allowBrowsers(app, allowedOrigins(settings.corsOrigins), PATHS);
      takeBareKeys(app);
      registerOperations(app, [...runtypeOperations, ...mountedOperations], {
        via: 'runtype',
        context,
        rules: RUNTYPE_RULES,
        authenticate: authenticateRuntype(context),
      });
    },
    sendError: (error, request, reply) => sendRuntypeError(error, request, reply),
    notFound: (request, reply) =>
      sendRuntypeError(new RuntypeError('not_found', 'Not Found'), request, reply),
    openApi: runtypeOpenApi,
  };
}

/** The vendor's own curl lines send `Authorization: <key>` without a scheme. */
function takeBareKeys(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ headers }) => {
    const { authorization } = headers;
    if (authorization !== undefined && /^[^\s]+$/.test(authorization)) headers['x-api-key'] ??= authorization;
  });
}

export function runtypeOpenApi(): OpenApiDocument {
  return buildOpenApi({
    title: 'Runtype dispatch API on Fermata',
    version: '1.0.0',
    description:
      'The dispatch API of Runtype, served by Fermata: the Persona widget takes <base>/v1/dispatch as its apiUrl. Streams carry the unified event vocabulary.',
    prefixes: [PREFIX],
    tags: runtypeTags,
    operations: runtypeOperations,
    errors: { mediaType: 'application/json', schema: errorBodySchema, statusOf },
  });
}
