import { isJsonObject, type JsonObject } from '@fermata/protocol';
import { EngineError } from '../../engine/errors.ts';
import { parseJsonBody } from '../../http/json-body.ts';
import { badRequest } from './errors.ts';

/** A body as it arrived: every one is read as JSON, and whether a fault matters is the route's to say. */
export type ReadBody = { ok: true; value: unknown } | { ok: false; message: string };

/** Reads a body whatever its content type. Only what is too large is refused here. */
export function readBody(bytes: Buffer): ReadBody {
  if (bytes.length === 0) return { ok: true, value: undefined };
  try {
    return { ok: true, value: parseJsonBody(bytes) };
  } catch (error) {
    if (!(error instanceof EngineError) || error.code === 'payload_too_large') throw error;
    return { ok: false, message: error.message };
  }
}

/** The object that a route needs. Throws the 400 of the wire. */
export function bodyObject(body: ReadBody): JsonObject {
  if (!body.ok) throw badRequest(`Invalid request body: ${body.message}`);
  if (body.value === undefined) throw badRequest('Invalid request body: EOF');
  if (!isJsonObject(body.value)) throw badRequest('Invalid request body: expected a JSON object');
  return body.value;
}

/** The note of a control call: an absent, empty or malformed body, or a reason that is no string, is none. */
export function reasonIn(body: ReadBody): string | undefined {
  const reason = body.ok && isJsonObject(body.value) ? body.value['reason'] : undefined;
  return typeof reason === 'string' && reason !== '' ? reason : undefined;
}
