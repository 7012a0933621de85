import type { FastifyInstance, FastifyRequest } from 'fastify';
import { EngineError } from '../engine/errors.ts';
import { parseJsonBody } from './json-body.ts';

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json(?:\s*;|$)/i;
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+\s*(?:;.*)?$/;

/**
 * Installs how bodies are read on an instance and all within it: an empty body is no body whatever its content
 * type; JSON is parsed into a storable value; anything else is 415. A face that differs calls
 * `replaceBodyParser` on its own instance.
 */
export function installBodyParsers(app: FastifyInstance): void {
  replaceBodyParser(app, parseBody);
}

/** A body as JSON; none is undefined. Throws `unsupported_media_type` and what `parseJsonBody` throws. */
export function parseBody(request: FastifyRequest, body: Buffer): unknown {
  if (body.length === 0) return undefined;
  const contentType = request.headers['content-type'];
  if (contentType === undefined || !JSON_TYPE.test(contentType)) {
    throw new EngineError('unsupported_media_type', 'Send the body as application/json.');
  }
  return parseJsonBody(body);
}

/** Replaces how bodies are read on this instance and all within it; `parse` may throw `EngineError`. */
export function replaceBodyParser(
  app: FastifyInstance,
  parse: (request: FastifyRequest, body: Buffer) => unknown,
): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      // What is nowhere is refused as that, whatever it carries.
      if (request.is404) return done(null, undefined);
      const encoding = request.headers['content-encoding'];
      if (encoding !== undefined && encoding !== 'identity' && body.length > 0) {
        throw new EngineError('unsupported_media_type', 'Send the body without a Content-Encoding.');
      }
      done(null, parse(request, Buffer.isBuffer(body) ? body : Buffer.from(body)));
    } catch (error) {
      done(error instanceof Error ? error : new Error('the body could not be read'));
    }
  });
}

/** The framework refuses a content type that is no media type before any parser sees the (empty) body. */
export function tameContentType(request: FastifyRequest): void {
  const { headers } = request.raw;
  const contentType = headers['content-type'];
  if (contentType !== undefined && !MEDIA_TYPE.test(contentType)) {
    headers['content-type'] = 'application/octet-stream';
  }
}
