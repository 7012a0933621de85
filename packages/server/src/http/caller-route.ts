import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../engine/caller.ts';
import { EngineError } from '../engine/errors.ts';
import { DEFAULT_BODY_LIMIT_BYTES } from './limits.ts';

export interface CallerRoute {
  method: string;
  url: string;
  /** 4 MiB unless given. */
  bodyLimitBytes: number | undefined;
  /** Who asks; throws what refuses the request, before its body is read. */
  admit(request: FastifyRequest, reply: FastifyReply): Promise<Caller>;
  answer(caller: Caller, request: FastifyRequest, reply: FastifyReply): Promise<unknown>;
}

/** A route that answers only those whom `admit` lets in. */
export function registerCallerRoute(app: FastifyInstance, route: CallerRoute): void {
  const callers = new WeakMap<FastifyRequest, Caller>();
  app.route({
    method: route.method,
    url: route.url,
    bodyLimit: route.bodyLimitBytes ?? DEFAULT_BODY_LIMIT_BYTES,
    onRequest: async (request, reply) => {
      callers.set(request, await route.admit(request, reply));
    },
    handler: async (request, reply) => {
      const caller = callers.get(request);
      if (caller === undefined) throw new EngineError('unauthenticated', 'The request has no caller.');
      return route.answer(caller, request, reply);
    },
  });
}
