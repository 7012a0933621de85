import type { FastifyInstance } from 'fastify';
import type { Face, FaceContext } from '../../http/face.ts';
import { buildOpenApi, type OpenApiDocument } from '../../http/openapi.ts';
import { registerOperations } from '../../http/register-operations.ts';
import type { Operation } from '../../http/route.ts';
import { CodegenError, sendCodegenError, statusOf } from './errors.ts';
import { PREFIX, TRACE_PATHS } from './links.ts';
import { codegenOperations, codegenTags, wordOperations } from './operations.ts';
import { CODEGEN_RULES } from './validation.ts';
import { codegenWebhookFormat } from './webhook-format.ts';
import { errorBodySchema } from './wire.ts';

export interface CodegenSettings {
  /** The rates that the vendor documents; else nothing is limited. */
  hasRateLimits: boolean;
}

const DEFAULTS: CodegenSettings = { hasRateLimits: true };
const TITLE = 'Codegen API';
const PREFLIGHT_SECONDS = 600;

/** The API of Codegen: what its SDK, its CLI and plain REST clients speak. */
export function codegenFace(settings: CodegenSettings = DEFAULTS): Face {
  return {
    name: 'codegen',
    title: TITLE,
    prefixes: [PREFIX],
    rootPrefix: '',
    register(app: FastifyInstance, context: FaceContext) {
      allowBrowsers(app);
      redirectPages(app);
      const operations = [...codegenOperations, ...wordOperations].map((one) => withSettings(one, settings));
      registerOperations(app, operations, { via: 'codegen', context, rules: CODEGEN_RULES });
    },
    sendError: (error, request, reply) => sendCodegenError(error, request, reply),
    notFound: (request, reply) =>
      sendCodegenError(new CodegenError('not_found', 'Not Found'), request, reply),
    openApi: codegenOpenApi,
    webhookFormat: codegenWebhookFormat,
  };
}

function withSettings({ rateLimit, ...operation }: Operation, { hasRateLimits }: CodegenSettings): Operation {
  return { ...operation, ...(hasRateLimits && rateLimit !== undefined && { rateLimit }) };
}

/** Pages of every origin may call: there are keys and no cookies. The vendor answers the same. */
function allowBrowsers(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    if (request.headers.origin !== undefined) void reply.header('access-control-allow-origin', '*');
  });
  app.options('/v1/*', { config: { cors: false } }, (request, reply) =>
    reply
      .code(204)
      .header('access-control-allow-origin', '*')
      .header('access-control-allow-methods', 'GET, HEAD, POST, PATCH, PUT, DELETE')
      .header(
        'access-control-allow-headers',
        request.headers['access-control-request-headers'] ?? 'authorization, content-type',
      )
      .header('access-control-max-age', PREFLIGHT_SECONDS)
      .send(),
  );
}

/** Links to a run lead to its page in the console. */
function redirectPages(app: FastifyInstance): void {
  for (const path of TRACE_PATHS) {
    app.get<{ Params: { id: string } }>(`${path}/:id`, (request, reply) =>
      reply.redirect(`/console/runs/${encodeURIComponent(request.params.id)}`, 302),
    );
  }
}

export function codegenOpenApi(): OpenApiDocument {
  return buildOpenApi({
    title: 'Codegen API on Fermata',
    version: '1.0.0',
    description:
      'The API of Codegen, served by Fermata: point its clients here by their base URL. What is an extension says so.',
    prefixes: [PREFIX],
    tags: codegenTags,
    operations: codegenOperations,
    absentBody: null,
    errors: { mediaType: 'application/json', schema: errorBodySchema, statusOf },
  });
}
