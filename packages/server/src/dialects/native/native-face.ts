import type { FastifyInstance } from 'fastify';
import { EngineError } from '../../engine/errors.ts';
import type { Face, FaceContext } from '../../http/face.ts';
import { buildOpenApi, type OpenApiDocument } from '../../http/openapi.ts';
import { sendProblem } from '../../http/problem.ts';
import { registerOperations } from '../../http/register-operations.ts';
import type { StreamTimes } from '../../http/sse.ts';
import { nativeOperations, nativeTags } from './operations.ts';

const TITLE = 'Native API';
/** The first is the one that console, CLI and SDK use; the second is the short one. */
const PREFIXES = ['/native/v1', '/v1'];

/** The native API. `streamTimes` is for tests of streams. */
export function nativeFace(streamTimes: StreamTimes = {}): Face {
  return {
    name: 'native',
    title: TITLE,
    prefixes: PREFIXES,
    rootPrefix: '/v1',
    register: (app: FastifyInstance, context: FaceContext) =>
      registerOperations(app, nativeOperations, { via: 'native', context, streamTimes }),
    sendError: (error, request, reply) => sendProblem(error, request, reply),
    notFound: (request, reply) =>
      sendProblem(new EngineError('not_found', 'There is no such operation.'), request, reply),
    openApi: nativeOpenApi,
  };
}

export function nativeOpenApi(): OpenApiDocument {
  return buildOpenApi({
    title: 'Fermata native API',
    version: '1',
    description:
      'Start agent runs, watch them, pause and resume them, answer what they ask, fork and cancel them. JSON in camelCase; times RFC 3339 UTC; unknown members of a request are refused.',
    prefixes: PREFIXES,
    tags: nativeTags,
    operations: nativeOperations,
  });
}
