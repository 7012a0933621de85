import { roleIncludes, type Role, type RunOrigin } from '@fermata/protocol';
import type { FastifyRequest } from 'fastify';
import { EngineError } from '../engine/errors.ts';
import type { Caller } from '../engine/caller.ts';
import type { Engine } from '../engine/facade.ts';

const MAX_SECRET_LENGTH = 512;

/** The key that a request carries: `Authorization: Bearer …` or `X-API-Key`; null when it carries none. */
export function credentialOf(request: FastifyRequest): string | null {
  const { authorization, 'x-api-key': apiKey } = request.headers;
  const bearer = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  const secret = bearer ?? (typeof apiKey === 'string' && apiKey !== '' ? apiKey : null);
  return secret !== null && secret.length <= MAX_SECRET_LENGTH ? secret : null;
}

/** Who asks. Throws `unauthenticated` when the request carries no valid key. */
export async function authenticate(engine: Engine, request: FastifyRequest, via: RunOrigin): Promise<Caller> {
  const secret = credentialOf(request);
  const caller = secret === null ? null : await engine.identity.authenticate(secret, via);
  if (caller === null) {
    throw new EngineError(
      'unauthenticated',
      secret === null
        ? 'Send your key as Authorization: Bearer <key> or X-API-Key: <key>.'
        : 'The key is not known, has expired, or was revoked.',
    );
  }
  return caller;
}

/** Throws `forbidden` unless the caller's role includes the needed one. Done before anything is looked up. */
export function requireRole(caller: Caller, needed: Role): void {
  if (!roleIncludes(caller.role, needed)) {
    throw new EngineError('forbidden', `This needs the role ${needed}; the key has ${caller.role}.`);
  }
}
