import { storableText } from '@fermata/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { EngineError } from '../engine/errors.ts';
import type { Caller } from '../engine/caller.ts';
import type { FaceContext } from './face.ts';
import { commandOptions, idempotencyKeyOf, type KeyedRequest } from './idempotency.ts';
import { MAX_PATH_PARAMETER_LENGTH } from './limits.ts';
import { invalidRequest } from './problem.ts';
import { pathOf } from './request-url.ts';
import { parseRequest, queryMembers } from './request-validation.ts';
import type { Operation, OperationRequest } from './route.ts';
import { wantsEventStream } from './sse.ts';

/** How a face reads requests. */
export interface RequestRules {
  /** The value as the schema gives it, or throws what the face answers for one that does not fit. */
  parse(schema: z.ZodType, value: unknown, part: 'path' | 'query' | 'body'): unknown;
  /** The query of an operation that names none. */
  noQuery: z.ZodType;
  /** Stands for a body that was not sent. */
  absentBody: unknown;
  /** Its streams have cursors of their own, which its operations read from the header themselves. */
  hasOwnCursors?: true;
}

/** What is unknown is refused, a path that cannot name anything names nothing, no body is an empty one. */
export const STRICT_RULES: RequestRules = {
  parse(schema, value, part) {
    if (part !== 'path') return parseRequest(schema, value, part);
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    throw new EngineError('not_found', 'There is no such thing.');
  },
  noQuery: z.strictObject({}),
  absentBody: {},
};

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** A request as its operation takes it. Throws `not_found` for its path, `invalid_request` for the rest. */
export function checkRequest(
  app: FastifyInstance,
  operation: Operation,
  context: FaceContext,
  caller: Caller,
  request: FastifyRequest,
  streamSignal: () => AbortSignal,
  rules: RequestRules = STRICT_RULES,
): OperationRequest<unknown, unknown, unknown> {
  const { engine, server } = context;
  const params = operation.params === undefined ? {} : parsePathParameters(operation, request.params, rules);
  const query = rules.parse(operation.query ?? rules.noQuery, queryMembers(request.query), 'query');
  const body =
    operation.body === undefined
      ? undefined
      : rules.parse(operation.body, request.body === undefined ? rules.absentBody : request.body, 'body');
  const keyed = keyedRequest(app, operation, caller, request);
  const { traceparent } = request.headers;
  return {
    engine,
    caller,
    params,
    query,
    body,
    server,
    basePath: app.prefix,
    faces: context.faces(request),
    wantsStream: request.method !== 'HEAD' && wantsEventStream(request.headers.accept),
    lastEventId: rules.hasOwnCursors === true ? null : lastEventIdOf(request.headers['last-event-id']),
    traceparent: typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : null,
    header: (name) => textOfHeader(request.headers[name]),
    streamSignal,
    command: async (perform, toReply, kept = toReply) => toReply(await perform(commandOptions(keyed, kept))),
  };
}

function keyedRequest(
  app: FastifyInstance,
  operation: Operation,
  caller: Caller,
  request: FastifyRequest,
): KeyedRequest | null {
  if (operation.method !== 'POST' && operation.method !== 'PATCH') return null;
  const key = idempotencyKeyOf(request.headers['idempotency-key']);
  if (key === null) return null;
  const path = pathOf(request.url).slice(app.prefix.length);
  return { caller, method: operation.method, path, key, body: request.body ?? null };
}

function textOfHeader(value: string | string[] | undefined): string | null {
  return Array.isArray(value) ? value.join() : (value ?? null);
}

/** A parameter that is too long to name anything names nothing. */
function parsePathParameters(operation: Operation, raw: unknown, rules: RequestRules): unknown {
  const params: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw ?? {})) params[name] = storableText(String(value));
  const isTooLong = Object.values(params).some((value) => value.length > MAX_PATH_PARAMETER_LENGTH);
  if (isTooLong || operation.params === undefined) {
    throw new EngineError('not_found', 'There is no such thing.');
  }
  return rules.parse(operation.params, params, 'path');
}

function lastEventIdOf(header: string | string[] | undefined): number | null {
  if (header === undefined || header === '') return null;
  const text = Array.isArray(header) ? header.join() : header;
  if (!/^\d{1,15}$/.test(text)) {
    throw invalidRequest([{ path: 'headers.last-event-id', message: 'expected a seq' }]);
  }
  return Number(text);
}
