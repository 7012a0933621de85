import type postgres from 'postgres';
import { EngineError } from '../engine/errors.ts';
import { arrayLiteral, parseArray } from './array-literal.ts';

/** Statements as tagged templates, on one connection. */
export type Sql = postgres.Sql;

/** A statement or a part of one. */
export type Fragment = postgres.PendingQuery<postgres.Row[]>;

/**
 * How values cross: `timestamptz` is an RFC 3339 string in UTC with milliseconds both ways (`infinity` as it is),
 * `bigint` a number, `json` and `jsonb` are parsed when read. A string given for a json column is JSON text
 * already: cheaper than to parse and print it again, and the only way that a JSON string can be told apart.
 */
export const VALUE_TYPES = {
  bigint: { to: 20, from: [20], serialize: (value: unknown): string => String(value), parse: Number },
  time: {
    to: 1184,
    from: [1184],
    serialize: timeText,
    parse: timeFromText,
  },
  json: {
    to: 114,
    from: [114, 3802],
    serialize: jsonText,
    parse: parseJson,
  },
  ...arrayTypes(),
};

type ArrayTypeName =
  'texts' | 'uuids' | 'shorts' | 'ints' | 'bigints' | 'booleans' | 'times' | 'jsons' | 'jsonbs';

interface ArrayType {
  to: number;
  from: number[];
  serialize: (value: unknown) => string;
  parse: (literal: string) => unknown;
}

/**
 * The types of arrays that cross. Written down here, since `postgres` would ask for them on every new connection, in
 * a statement of its own whose failure nobody can catch: a connection that is cut then would end the process.
 */
function arrayTypes(): Record<ArrayTypeName, ArrayType> {
  const of = (
    oid: number,
    parse: (text: string) => unknown,
    serialize: (value: unknown) => string = String,
  ): ArrayType => ({
    to: oid,
    from: [oid],
    serialize: (value) => arrayLiteral(value, serialize),
    parse: (literal) => parseArray(literal, parse),
  });
  return {
    texts: of(1009, String),
    uuids: of(2951, String),
    shorts: of(1005, Number),
    ints: of(1007, Number),
    bigints: of(1016, Number),
    booleans: of(1000, (text) => text === 't'),
    times: of(1185, timeFromText, timeText),
    jsons: of(199, parseJson, jsonText),
    jsonbs: of(3807, parseJson, jsonText),
  };
}

function jsonText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function parseJson(text: string): unknown {
  return JSON.parse(text);
}

function timeText(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

/** `2026-01-02 03:04:05.6+00`, as PostgreSQL prints it in UTC, as RFC 3339 with milliseconds. */
export function timeFromText(text: string): string {
  if (!text.endsWith('+00') || text.length < 22) {
    return text.endsWith('infinity') ? text : new Date(text).toISOString();
  }
  const seconds = text.slice(0, 19).replace(' ', 'T');
  const fraction = text.slice(20, -3).slice(0, 3).padEnd(3, '0');
  return `${seconds}.${fraction}Z`;
}

/** Codes of Node and of `postgres` that mean: the connection could not be made, or is gone. */
const CONNECTION_CODES: ReadonlySet<string> = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
  'ERR_SOCKET_CLOSED',
]);

/** SQLSTATEs after which the session is gone or was never given: shutdown, crash, start, time-outs, no slots. */
const SESSION_STATES: ReadonlySet<string> = new Set([
  '57P01',
  '57P02',
  '57P03',
  '57P04',
  '57P05',
  '25P03',
  '25P04',
  '53300',
]);

/** SQLSTATEs of a statement that took too long; the session lives on. */
const TIMEOUT_STATES: ReadonlySet<string> = new Set(['57014', '55P03']);

/** A statement's connection is gone; whether the statement took effect is unknown. */
export class ConnectionLost extends EngineError {
  constructor(cause?: unknown) {
    super('unavailable', 'The database connection was lost', { retryAfterMs: 1000 }, cause);
  }
}

/** The connection was lost or never made; whether the statement took effect is unknown. */
export function isConnectionError(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true;
  const code = codeOf(error);
  return code !== null && (CONNECTION_CODES.has(code) || SESSION_STATES.has(code) || /^08...$/.test(code));
}

/** SQLSTATE or error code, or null. */
export function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/**
 * A lost connection or a statement that took too long as `EngineError('unavailable')`; every other error as it
 * is. The message names no address and no user.
 */
export function asEngineError(error: unknown): unknown {
  if (error instanceof EngineError) return error;
  const code = codeOf(error);
  if (isConnectionError(error) || (code !== null && TIMEOUT_STATES.has(code))) {
    return new EngineError(
      'unavailable',
      'The database cannot be reached now',
      { retryAfterMs: 1000 },
      error,
    );
  }
  return error;
}
