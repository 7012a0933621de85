import { ERROR_CODES, type ErrorCode, type Problem } from '@fermata/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EngineError } from '../engine/errors.ts';
import { logFailure, toEngineError } from './known-error.ts';

const MAX_DETAIL_LENGTH = 2000;

/** The problem+json body of an error. `internal` never shows its own message. */
export function problemOf(error: EngineError, requestId: string): Problem {
  const entry = ERROR_CODES[error.code];
  const detail = error.code === 'internal' ? 'Something went wrong in the server.' : error.message;
  const { errors, currentStatus, openWaits, holds, winner, digest, retryAfterMs } = error.details;
  return {
    type: `/docs/errors#${error.code}`,
    title: entry.title,
    status: entry.status,
    detail: detail.slice(0, MAX_DETAIL_LENGTH),
    instance: requestId,
    code: error.code,
    retryable: entry.retryable,
    ...(errors !== undefined && { errors }),
    ...(currentStatus !== undefined && { currentStatus }),
    ...(openWaits !== undefined && { openWaits }),
    ...(holds !== undefined && { holds }),
    ...(winner !== undefined && { winner }),
    ...(digest !== undefined && { digest }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** Answers any thrown value as problem+json and writes its log line. */
export function sendProblem(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = toEngineError(thrown);
  logFailure(request, error);
  const problem = rooted(problemOf(error, request.id), request.method);
  if (problem.retryAfterMs !== undefined) {
    void reply.header('retry-after', Math.max(1, Math.ceil(problem.retryAfterMs / 1000)));
  }
  if (error.code === 'unauthenticated') void reply.header('www-authenticate', 'Bearer');
  return reply
    .code(problem.status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .header('cache-control', 'no-store')
    .send(JSON.stringify(problem));
}

/** What lies below the edge names a member without knowing where in the request it stood. */
function rooted(problem: Problem, method: string): Problem {
  if (problem.errors === undefined) return problem;
  const root = method === 'GET' || method === 'HEAD' ? 'query' : 'body';
  const errors = problem.errors.map(({ path, message }) => ({
    path: /^(body|query|headers)\b/.test(path) ? path : path === '' ? root : `${root}.${path}`,
    message,
  }));
  return { ...problem, errors };
}

/** A refusal of the request itself, with the place of each fault. */
export function invalidRequest(errors: { path: string; message: string }[]): EngineError {
  const first = errors[0];
  const detail = first === undefined ? 'The request is not valid.' : `${first.path}: ${first.message}`;
  return new EngineError('invalid_request', detail, { errors });
}

/** Every code with its status and words, for the documentation. */
export function explainedCodes(): { code: ErrorCode; status: number; title: string; retryable: boolean }[] {
  return Object.entries(ERROR_CODES).map(([code, entry]) => ({ code: code as ErrorCode, ...entry }));
}
