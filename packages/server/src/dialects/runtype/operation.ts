import type { ErrorCode, JsonObject, Role } from '@fermata/protocol';
import type { z } from 'zod';
import type { StoredReply } from '../../engine/errors.ts';
import {
  defineOperation,
  type Method,
  type Operation,
  type OperationReply,
  type OperationRequest,
} from '../../http/route.ts';

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
  example?: JsonObject;
  /** What a success answers with, by status; 200 where there is one. */
  reply: z.ZodType;
  status?: number;
  /** The same may come as a stream of these events. */
  stream?: z.ZodType;
  errors?: readonly ErrorCode[];
  bodyLimitBytes?: number;
  handle(request: OperationRequest<P, Q, B>): Promise<OperationReply>;
  replay?(stored: StoredReply, request: OperationRequest<P, Q, B>): Promise<OperationReply>;
}

/** An operation of this wire. */
export function runtypeOperation<P = unknown, Q = unknown, B = unknown>(
  spec: Spec<P, Q, B>,
): Operation<P, Q, B> {
  const { reply, status = 200, stream, errors, ...rest } = spec;
  const described = { description: 'Success', schema: reply, ...(stream !== undefined && { stream }) };
  return defineOperation({ ...rest, replies: { [status]: described }, errors: errors ?? [] });
}
