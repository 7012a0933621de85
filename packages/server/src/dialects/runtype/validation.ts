import { z } from 'zod';
import type { RequestRules } from '../../http/operation-request.ts';
import { joinPath } from '../../http/request-validation.ts';
import { EngineError } from '../../engine/errors.ts';
import { RuntypeError } from './errors.ts';
import type { ErrorDetail } from './wire.ts';

const MAX_DETAILS = 50;

/** Members that are not known are ignored: newer clients send them. What is known must be right. */
export const RUNTYPE_RULES: RequestRules = {
  parse(schema, value, part) {
    if (part !== 'path') return readMember(schema, value, '');
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    throw new EngineError('not_found', 'Not Found');
  },
  noQuery: z.object({}),
  absentBody: {},
  hasOwnCursors: true,
};

/** A member of a body as its schema gives it. Throws the wire's 400 with every fault and its place. */
export function readMember<T>(schema: z.ZodType<T>, value: unknown, root: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const details = result.error.issues.slice(0, MAX_DETAILS).map((issue) => detailOf(issue, root));
  const [first] = details;
  const text = first === undefined ? 'Invalid request' : `${first.path || 'body'}: ${first.message}`;
  throw new RuntypeError('invalid_request', text, { details });
}

function detailOf(issue: z.core.$ZodIssue, root: string): ErrorDetail {
  const path = joinPath(root, issue.path).replace(/^\./, '');
  return { path, message: messageOf(issue), code: codeOf(issue) };
}

function messageOf(issue: z.core.$ZodIssue): string {
  return isMissing(issue) ? 'Required' : issue.message;
}

function codeOf(issue: z.core.$ZodIssue): string {
  if (isMissing(issue)) return 'MISSING_REQUIRED_FIELD';
  return issue.code === 'invalid_value' ? 'INVALID_ENUM' : 'INVALID_VALUE';
}

function isMissing(issue: z.core.$ZodIssue): boolean {
  const isType = issue.code === 'invalid_type' || issue.code === 'invalid_value';
  return isType && /received undefined/.test(issue.message);
}
