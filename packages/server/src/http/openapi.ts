import {
  ERROR_CODES,
  jsonObjectSchema,
  problemSchema,
  type ErrorCode,
  type Json,
  type JsonObject,
} from '@fermata/protocol';
import { z } from 'zod';
import { errorsOf, type OperationSpec, type ReplySpec } from './route.ts';

export interface OpenApiDocument {
  openapi: '3.1.0';
  info: { title: string; version: string; description: string };
  servers: { url: string; description: string }[];
  tags: { name: string; description: string }[];
  security: JsonObject[];
  paths: Record<string, Record<string, OpenApiOperation>>;
  components: { schemas: Record<string, Json>; securitySchemes: JsonObject };
}

export interface OpenApiOperation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  'x-role': string;
  'x-error-codes': string[];
  parameters?: OpenApiParameter[];
  requestBody?: JsonObject;
  responses: Record<string, Json>;
}

export interface OpenApiParameter {
  [key: string]: Json;
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  description: string;
  schema: Json;
}

export interface OpenApiSource {
  title: string;
  version: string;
  description: string;
  /** Base paths, the first is the one to use. */
  prefixes: readonly string[];
  tags: { name: string; description: string }[];
  operations: readonly OperationSpec[];
  /** What stands for a body that is not sent; absent: an empty object. */
  absentBody?: unknown;
  /** How the face answers errors; absent: as problem+json. */
  errors?: { mediaType: string; schema: z.ZodType; statusOf(code: ErrorCode): number };
}

const IDEMPOTENCY_KEY: OpenApiParameter = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'The same key again within 24 h replays the first reply with Idempotency-Replayed: true; with another body it is 422',
  schema: { type: 'string', maxLength: 255 },
};

const LAST_EVENT_ID: OpenApiParameter = {
  name: 'Last-Event-ID',
  in: 'header',
  required: false,
  description: 'Stream only: the seq that was received last; goes before the parameter after',
  schema: { type: 'string', pattern: '^[0-9]+$' },
};

/** Builds the OpenAPI 3.1 document of a face from its operations; the same operations give the same text. */
export function buildOpenApi(source: OpenApiSource): OpenApiDocument {
  const schemas: Record<string, Json> = {};
  const convert = (schema: z.ZodType, io: 'input' | 'output'): JsonObject => toComponent(schema, io, schemas);
  const errors = source.errors ?? PROBLEMS;
  convert(errors.schema, 'input');
  const paths: OpenApiDocument['paths'] = {};
  for (const operation of source.operations) {
    const path = (paths[operation.path] ??= {});
    path[operation.method.toLowerCase()] = operationOf(
      operation,
      convert,
      errors,
      'absentBody' in source ? source.absentBody : {},
    );
  }
  return {
    openapi: '3.1.0',
    info: { title: source.title, version: source.version, description: source.description },
    servers: source.prefixes.map((url, index) => ({ url, description: index === 0 ? 'Base' : 'The same' })),
    tags: source.tags,
    security: [{ bearer: [] }, { apiKey: [] }],
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'Authorization: Bearer <key>' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'X-API-Key: <key>' },
      },
    },
  };
}

type ErrorReplies = NonNullable<OpenApiSource['errors']>;

const PROBLEMS: ErrorReplies = {
  mediaType: 'application/problem+json',
  schema: problemSchema,
  statusOf: (code) => ERROR_CODES[code].status,
};

type Convert = (schema: z.ZodType, io: 'input' | 'output') => JsonObject;

function operationOf(
  operation: OperationSpec,
  convert: Convert,
  errors: ErrorReplies,
  absentBody: unknown,
): OpenApiOperation {
  const codes = errorsOf(operation);
  const parameters = parametersOf(operation, convert);
  const { body } = operation;
  return {
    operationId: operation.operationId,
    tags: [operation.tag],
    summary: operation.summary,
    description: [operation.description, `Role: ${operation.role}.`].filter(Boolean).join('\n\n'),
    'x-role': operation.role,
    'x-error-codes': codes,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: {
        required: !body.safeParse(absentBody).success,
        content: {
          'application/json': {
            schema: convert(body, 'input'),
            ...(operation.example !== undefined && { example: operation.example }),
          },
        },
      },
    }),
    responses: responsesOf(operation.replies, codes, convert, errors),
  };
}

function parametersOf(operation: OperationSpec, convert: Convert): OpenApiParameter[] {
  const isKeyed = operation.method === 'POST' || operation.method === 'PATCH';
  const streams = Object.values(operation.replies).some((reply) => reply.stream !== undefined);
  return [
    ...membersOf(operation.params, 'path', convert),
    ...membersOf(operation.query, 'query', convert),
    ...(isKeyed ? [IDEMPOTENCY_KEY] : []),
    ...(streams && operation.method === 'GET' ? [LAST_EVENT_ID] : []),
  ];
}

function membersOf(
  schema: z.ZodType | undefined,
  place: 'path' | 'query',
  convert: Convert,
): OpenApiParameter[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = convert(schema, 'output');
  if (!isObject(properties)) return [];
  return Object.entries(properties).map(([name, member]) => {
    const isList = isObject(member) && member['type'] === 'array';
    const isMap = isObject(member) && member['type'] === 'object';
    return {
      name: isMap ? `${name}.<key>` : name,
      in: place,
      required: place === 'path' || (Array.isArray(required) && required.includes(name)),
      description: isObject(member) && typeof member['description'] === 'string' ? member['description'] : '',
      schema: isMap ? { type: 'string' } : member,
      ...(isList && { style: 'form', explode: false }),
    };
  });
}

function responsesOf(
  replies: Record<number, ReplySpec>,
  codes: readonly ErrorCode[],
  convert: Convert,
  errors: ErrorReplies,
): Record<string, Json> {
  const responses: Record<string, Json> = {};
  for (const [status, reply] of Object.entries(replies)) {
    const content: JsonObject = {};
    if (reply.schema !== undefined) content['application/json'] = { schema: convert(reply.schema, 'input') };
    if (reply.mediaType !== undefined) content[reply.mediaType] = { schema: {} };
    if (reply.stream !== undefined) content['text/event-stream'] = { schema: convert(reply.stream, 'input') };
    responses[status] = {
      description: reply.description,
      ...(Object.keys(content).length > 0 && { content }),
    };
  }
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const status = errors.statusOf(code);
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  for (const [status, statusCodes] of [...byStatus].sort(([a], [b]) => a - b)) {
    responses[String(status)] = {
      description: statusCodes.join(', '),
      content: { [errors.mediaType]: { schema: convert(errors.schema, 'input') } },
    };
  }
  return responses;
}

/** Converts a schema; those with an id become components, and everything points to them. */
function toComponent(schema: z.ZodType, io: 'input' | 'output', schemas: Record<string, Json>): JsonObject {
  const json = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (isMadeFrom(zodSchema, jsonObjectSchema)) jsonSchema.type = 'object';
      // The format says it; the pattern beside it is a page long.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  });
  const { $schema: _dialect, $defs, ...rest } = pointToComponents(json);
  if (isObject($defs)) {
    for (const [name, definition] of Object.entries($defs)) {
      schemas[name] = isObject(definition) ? withoutId(definition) : definition;
    }
  }
  const id = z.globalRegistry.get(schema)?.id;
  if (id === undefined) return rest;
  const $ref = `#/components/schemas/${id}`;
  // A schema that only adds words to one of the same id points to it, which stands among the definitions.
  if (rest['$ref'] !== $ref) schemas[id] = withoutId(rest);
  return { $ref };
}

/** True for the schema itself and for what `describe` and `meta` made of it. */
function isMadeFrom(schema: z.core.$ZodType, origin: z.core.$ZodType): boolean {
  for (let one: z.core.$ZodType | undefined = schema; one !== undefined; one = one._zod.parent) {
    if (one === origin) return true;
  }
  return false;
}

function withoutId(definition: JsonObject): JsonObject {
  const { id: _id, $id: _dollarId, ...rest } = definition;
  return typeof _id === 'string' ? rest : definition;
}

function pointToComponents(schema: unknown): JsonObject {
  const text = JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/');
  const parsed: unknown = JSON.parse(text);
  return isObject(parsed) ? parsed : {};
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
