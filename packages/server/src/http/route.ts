import type { ErrorCode, JsonObject, Role } from '@fermata/protocol';
import type { z } from 'zod';
import type { StoredReply } from '../engine/errors.ts';
import type { Caller, CommandOptions } from '../engine/caller.ts';
import type { Engine } from '../engine/facade.ts';
import type { RateLimit } from '../engine/ports.ts';
import type { JsonReply } from './idempotency.ts';
import type { ServerInfo } from './server-info.ts';
import type { EventStream } from './sse.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** What an operation may answer with, by status; the schema is checked in development and tests. */
export interface ReplySpec {
  description: string;
  /** Absent: no body, or bytes when `mediaType` says which. */
  schema?: z.ZodType;
  mediaType?: string;
  /** The same status may come as a stream of these events. */
  stream?: z.ZodType;
}

/** One operation: all of its policy in one object, from which routing, checks and OpenAPI are made. */
export interface Operation<P = unknown, Q = unknown, B = unknown> {
  operationId: string;
  method: Method;
  /** Below the face's prefix, with `{name}` for a parameter. */
  path: string;
  tag: string;
  /** The least role that may ask; checked before anything is looked up. */
  role: Role;
  summary: string;
  description?: string;
  params?: z.ZodType<P>;
  query?: z.ZodType<Q>;
  body?: z.ZodType<B>;
  /** An example body for the documentation. */
  example?: JsonObject;
  replies: Record<number, ReplySpec>;
  /** Besides those that every operation may answer. */
  errors: readonly ErrorCode[];
  bodyLimitBytes?: number;
  /** How often one key may ask, over all processes. */
  rateLimit?: RateLimit;
  handle(request: OperationRequest<P, Q, B>): Promise<OperationReply>;
  /** How a stored reply is given again; absent: as it is. */
  replay?(stored: StoredReply, request: OperationRequest<P, Q, B>): Promise<OperationReply>;
}

/** What the documentation tells of an operation. */
export type OperationSpec = Omit<Operation, 'handle' | 'replay'>;

/** A checked request of an authenticated caller whose role suffices. */
export interface OperationRequest<P, Q, B> {
  engine: Engine;
  caller: Caller;
  params: P;
  query: Q;
  body: B;
  server: ServerInfo;
  /** Path under which the face was asked, for links. */
  basePath: string;
  faces: { name: string; url: string }[];
  /** The request asks for `text/event-stream`. */
  wantsStream: boolean;
  /** The `Last-Event-ID` header, or null. */
  lastEventId: number | null;
  /** W3C trace context of the request, or null. */
  traceparent: string | null;
  /** A header of the request, or null. */
  header(name: string): string | null;
  /** Aborts when a stream must end; make one only for a stream. */
  streamSignal(): AbortSignal;
  /**
   * Runs a command under the request's `Idempotency-Key`: `reply` gives what is answered, and what is kept
   * for repeats unless `kept` says otherwise (secrets are not kept).
   */
  command<T>(
    run: (options: CommandOptions) => Promise<T>,
    reply: (result: T) => CommandReply,
    kept?: (result: T) => JsonReply,
  ): Promise<CommandReply>;
}

export type CommandReply = JsonReply & { headers?: Record<string, string> };

export type OperationReply =
  | CommandReply
  | { status: number; bytes: Uint8Array; mediaType: string; headers?: Record<string, string> }
  | { status: number; stream: EventStream; headers?: Record<string, string> };

/** Checks an operation's types; the object itself is returned. */
export function defineOperation<P = unknown, Q = unknown, B = unknown>(
  operation: Operation<P, Q, B>,
): Operation<P, Q, B> {
  return operation;
}

/** Errors that every operation may answer. */
export const COMMON_ERRORS: readonly ErrorCode[] = [
  'invalid_request',
  'unauthenticated',
  'forbidden',
  'rate_limited',
  'unavailable',
  'internal',
];

/** Errors that every operation with a body may answer. */
export const BODY_ERRORS: readonly ErrorCode[] = [
  'malformed_json',
  'payload_too_large',
  'unsupported_media_type',
];

/** Errors that every keyed command may answer. */
export const COMMAND_ERRORS: readonly ErrorCode[] = ['idempotency_conflict', 'idempotency_in_flight'];

/** Every error code that an operation may answer, in the order of the closed list. */
export function errorsOf(operation: OperationSpec): ErrorCode[] {
  const takesBody = operation.body !== undefined;
  const isCommand = operation.method === 'POST' || operation.method === 'PATCH';
  return [
    ...new Set<ErrorCode>([
      ...COMMON_ERRORS,
      ...(takesBody ? BODY_ERRORS : []),
      ...(isCommand ? COMMAND_ERRORS : []),
      ...operation.errors,
    ]),
  ];
}
