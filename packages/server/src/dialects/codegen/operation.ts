import type { ErrorCode, Role } from '@fermata/protocol';
import type { z } from 'zod';
import type { RateLimit } from '../../engine/ports.ts';
import {
  defineOperation,
  type Method,
  type Operation,
  type OperationReply,
  type OperationRequest,
} from '../../http/route.ts';
import { checkOrganization } from './decode.ts';

/** Requests of one key: so many, in so many seconds. */
export type Rate = readonly [requests: number, seconds: number];

interface Spec<P, Q, B> {
  operationId: string;
  method: Method;
  path: string;
  tag: string;
  role: Role;
  summary: string;
  description?: string;
  params?: z.ZodType<P>;
  query?: z.ZodType<Q>;
  body?: z.ZodType<B>;
  reply: z.ZodType;
  errors?: readonly ErrorCode[];
  bodyLimitBytes?: number;
  /** As the vendor documents it. */
  rate?: Rate;
  /** Of another operation, with which it shares its rate. */
  rateName?: string;
  handle(request: OperationRequest<P, Q, B>): Promise<OperationReply>;
}

/** An operation of the vendor's: every success is 200, and the organization of the path must be the caller's. */
export function codegenOperation<P = unknown, Q = unknown, B = unknown>(
  spec: Spec<P, Q, B>,
): Operation<P, Q, B> {
  const { reply, rate, rateName, errors, handle, ...rest } = spec;
  return defineOperation({
    ...rest,
    replies: { 200: { description: 'Successful Response', schema: reply } },
    errors: errors ?? [],
    ...(rate !== undefined && { rateLimit: limitOf(rateName ?? spec.operationId, rate) }),
    async handle(request) {
      checkPath(request);
      return handle(request);
    },
  });
}

function limitOf(operation: string, [requests, seconds]: Rate): RateLimit {
  return { name: `codegen:${operation}`, requests, seconds };
}

function checkPath({
  params,
  caller,
}: Pick<OperationRequest<unknown, unknown, unknown>, 'params' | 'caller'>): void {
  if (typeof params !== 'object' || params === null || !('org_id' in params)) return;
  if (typeof params.org_id === 'number') checkOrganization(caller, params.org_id);
}

/** The documented classes. */
export const STANDARD: Rate = [60, 30];
export const CREATION: Rate = [10, 60];
export const LOGS: Rate = [60, 60];
export const SETUP: Rate = [5, 60];
export const EDITS: Rate = [30, 60];
