import { isJsonObject, type Json } from '@fermata/protocol';
import type { FastifyInstance } from 'fastify';
import { EngineError } from '../../engine/errors.ts';
import { parseBody, replaceBodyParser } from '../../http/body-parsers.ts';
import type { Face } from '../../http/face.ts';
import { buildOpenApi, type OpenApiDocument } from '../../http/openapi.ts';
import { registerOperations } from '../../http/register-operations.ts';
import type { Operation, OperationReply } from '../../http/route.ts';
import { sendTelnyxError, statusOf } from './errors.ts';
import { openOperations, typedOperations } from './operations.ts';
import { TELNYX_RULES } from './validation.ts';
import { errorBodySchema } from './wire.ts';

export interface TelnyxSettings {
  /** Of the answer to a request that is not valid: as documented, or as the vendor's gateway answers. */
  validationStatus: 400 | 422;
  /** Members that are not set are sent as null; else they are left out. */
  sendsNulls: boolean;
}

const DEFAULTS: TelnyxSettings = { validationStatus: 422, sendsNulls: false };
const PREFIX = '/telnyx/v2';
/** Their bodies are not looked at, whatever they are. */
const ACTION = /\/(?:pause|resume|cancel|clone)$/;

/** The API of Telnyx AI Missions: what its unmodified SDK speaks. */
export function telnyxFace(settings: TelnyxSettings = DEFAULTS): Face {
  const { validationStatus } = settings;
  return {
    name: 'telnyx',
    title: 'Telnyx AI Missions API',
    prefixes: [PREFIX],
    rootPrefix: '/v2',
    register(app: FastifyInstance, context) {
      replaceBodyParser(app, (request, body) =>
        ACTION.test(request.routeOptions.url ?? '') ? undefined : parseBody(request, body),
      );
      const operations = [...typedOperations.map((one) => withSetting(one, settings)), ...openOperations];
      registerOperations(app, operations, { via: 'telnyx', context, rules: TELNYX_RULES });
    },
    sendError: (error, request, reply) => sendTelnyxError(error, request, reply, validationStatus),
    notFound: (request, reply) =>
      sendTelnyxError(
        new EngineError('not_found', 'There is no such operation.'),
        request,
        reply,
        validationStatus,
      ),
    openApi: () => telnyxOpenApi(settings),
  };
}

/** The operation with members that are not set left out of its replies, unless they are to be sent as null. */
function withSetting(operation: Operation, { sendsNulls }: TelnyxSettings): Operation {
  if (sendsNulls) return operation;
  return {
    ...operation,
    handle: async (request) => tidied(await operation.handle(request)),
    replay: (stored) => {
      const body: Json = stored.body === '' ? null : JSON.parse(stored.body);
      return Promise.resolve(tidied({ status: stored.status, body }));
    },
  };
}

function tidied(reply: OperationReply): OperationReply {
  if (!('body' in reply) || !isJsonObject(reply.body)) return reply;
  const { data } = reply.body;
  const kept = Array.isArray(data) ? data.map(withoutNulls) : withoutNulls(data);
  return { ...reply, body: { ...reply.body, data: kept } };
}

function withoutNulls(value: Json | undefined): Json {
  if (!isJsonObject(value)) return value ?? null;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

export function telnyxOpenApi(settings: TelnyxSettings = DEFAULTS): OpenApiDocument {
  return buildOpenApi({
    title: 'Telnyx AI Missions API on Fermata',
    version: '2.0.0',
    description:
      'The API of Telnyx AI Missions, served by Fermata: point the official SDK here by its base URL. What is an extension says so.',
    prefixes: [PREFIX],
    tags: [{ name: 'Missions', description: 'Missions, their runs, plans, events and linked agents.' }],
    operations: [...typedOperations, ...openOperations],
    absentBody: TELNYX_RULES.absentBody,
    errors: {
      mediaType: 'application/json',
      schema: errorBodySchema,
      statusOf: (code) => statusOf(code, settings.validationStatus),
    },
  });
}
