import type { RunOrigin } from '@fermata/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { EngineError, ReplayedReply, type StoredReply } from '../engine/errors.ts';
import type { Caller } from '../engine/caller.ts';
import { authenticate, requireRole } from './auth.ts';
import { registerCallerRoute } from './caller-route.ts';
import type { FaceContext } from './face.ts';
import { limitRate } from './limits.ts';
import { checkRequest, type RequestRules } from './operation-request.ts';
import type { Method, Operation, OperationReply, OperationRequest } from './route.ts';
import { sendStream, StreamLifetime, type StreamTimes } from './sse.ts';

const METHODS: readonly Method[] = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'];

export interface OperationsBinding {
  via: RunOrigin;
  context: FaceContext;
  streamTimes?: StreamTimes;
  /** Absent: as the native API reads requests. */
  rules?: RequestRules;
  /** Who asks, before the body is read and again while a stream is open. Absent: by the request's key. */
  authenticate?(request: FastifyRequest, operation: Operation): Promise<Caller>;
}

/** Puts operations on an instance; a known path with another method answers `method_not_allowed`. */
export function registerOperations(
  app: FastifyInstance,
  operations: readonly Operation[],
  binding: OperationsBinding,
): void {
  const methodsByUrl = new Map<string, Method[]>();
  for (const operation of operations) {
    const url = operation.path.replaceAll(/\{(\w+)\}/g, ':$1');
    methodsByUrl.set(url, [...(methodsByUrl.get(url) ?? []), operation.method]);
    registerOperation(app, url, operation, binding);
  }
  for (const [url, methods] of methodsByUrl) refuseOtherMethods(app, url, methods);
}

function registerOperation(
  app: FastifyInstance,
  url: string,
  operation: Operation,
  binding: OperationsBinding,
): void {
  registerCallerRoute(app, {
    method: operation.method,
    url,
    bodyLimitBytes: operation.bodyLimitBytes,
    async admit(request) {
      const caller = await callerOf(binding, operation, request);
      requireRole(caller, operation.role);
      await limitRate(binding.context.rateLimiter, caller, operation.rateLimit);
      return caller;
    },
    answer: (caller, request, reply) => run(app, operation, binding, caller, request, reply),
  });
}

async function run(
  app: FastifyInstance,
  operation: Operation,
  binding: OperationsBinding,
  caller: Caller,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  let lifetime: StreamLifetime | undefined;
  const streamSignal = (): AbortSignal => {
    lifetime ??= new StreamLifetime(reply, binding.context.draining);
    return lifetime.signal;
  };
  const { context, rules } = binding;
  const checked = checkRequest(app, operation, context, caller, request, streamSignal, rules);
  let answer: OperationReply | { stored: StoredReply };
  try {
    answer = await perform(operation, checked, reply);
  } catch (error) {
    lifetime?.[Symbol.dispose]();
    throw error;
  }
  if ('stored' in answer || !('stream' in answer)) lifetime?.[Symbol.dispose]();
  if ('stored' in answer) return sendStored(reply, answer.stored);
  void reply.headers(answer.headers ?? {});
  if ('stream' in answer) {
    const streaming = lifetime ?? new StreamLifetime(reply, binding.context.draining);
    const isAuthorized = (): Promise<boolean> => isStillAuthorized(binding, operation, request);
    const { status, stream } = answer;
    await sendStream(request, reply, status, stream, streaming, isAuthorized, binding.streamTimes);
    return reply;
  }
  if ('bytes' in answer) {
    return reply.code(answer.status).header('content-type', answer.mediaType).send(Buffer.from(answer.bytes));
  }
  if (binding.context.isCheckingReplies) checkReply(operation, answer.status, answer.body);
  return sendStored(reply, {
    status: answer.status,
    body: answer.body === null ? '' : JSON.stringify(answer.body),
  });
}

/** What the operation answers, or what it answered to the same key before. */
async function perform(
  operation: Operation,
  checked: OperationRequest<unknown, unknown, unknown>,
  reply: FastifyReply,
): Promise<OperationReply | { stored: StoredReply }> {
  try {
    return await operation.handle(checked);
  } catch (error) {
    if (!(error instanceof ReplayedReply)) throw error;
    void reply.header('idempotency-replayed', 'true');
    return operation.replay === undefined
      ? { stored: error.reply }
      : await operation.replay(error.reply, checked);
  }
}

/** False when the key was revoked, expired, or lost the role that the stream needs. */
async function isStillAuthorized(
  binding: OperationsBinding,
  operation: Operation,
  request: FastifyRequest,
): Promise<boolean> {
  try {
    requireRole(await callerOf(binding, operation, request), operation.role);
    return true;
  } catch (error) {
    if (error instanceof EngineError && REFUSALS.has(error.code)) return false;
    throw error;
  }
}

const REFUSALS: ReadonlySet<string> = new Set(['unauthenticated', 'forbidden']);

function callerOf(
  binding: OperationsBinding,
  operation: Operation,
  request: FastifyRequest,
): Promise<Caller> {
  const { context, via } = binding;
  return binding.authenticate?.(request, operation) ?? authenticate(context.engine, request, via);
}

function sendStored(reply: FastifyReply, stored: StoredReply): FastifyReply {
  void reply.code(stored.status);
  if (stored.body === '') return reply.send();
  return reply.header('content-type', 'application/json; charset=utf-8').send(stored.body);
}

function checkReply(operation: Operation, status: number, body: unknown): void {
  const spec = operation.replies[status];
  if (spec === undefined)
    throw new Error(`${operation.operationId} answered ${status}, which it does not name`);
  const result = spec.schema?.safeParse(body);
  if (result !== undefined && !result.success) {
    throw new Error(
      `${operation.operationId} answered ${status} against its schema: ${result.error.message}`,
    );
  }
}

function refuseOtherMethods(app: FastifyInstance, url: string, methods: readonly Method[]): void {
  const others = METHODS.filter((method) => !methods.includes(method));
  const allow = methods.includes('GET') ? ['HEAD', ...methods] : methods;
  app.route({
    method: others,
    url,
    exposeHeadRoute: false,
    onRequest: async (request, reply) => {
      void reply.header('allow', allow.join(', '));
      throw new EngineError(
        'method_not_allowed',
        `${request.method} is not allowed here; ${allow.join(', ')} is.`,
      );
    },
    handler: (_request, reply) => reply.send(),
  });
}
