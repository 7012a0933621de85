import { storableText, type Json } from '@fermata/protocol';
import type { z } from 'zod';
import { invalidRequest } from './problem.ts';

type Issue = z.core.$ZodIssue;
export interface Fault {
  path: string;
  message: string;
}

/** Checks a value, or throws `invalid_request` with the place of each fault below `root`. */
export function parseRequest<T>(schema: z.ZodType<T>, value: unknown, root: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalidRequest(faultsOf(result.error.issues, root));
}

/** Zod's issues as places and messages; of a union, the faults of the branch that was meant. */
export function faultsOf(issues: readonly Issue[], root: string): Fault[] {
  return issues.flatMap((issue) => faultsOfIssue(issue, root)).slice(0, 50);
}

function faultsOfIssue(issue: Issue, root: string): Fault[] {
  const path = joinPath(root, issue.path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: joinPath(path, [key]), message: 'unknown member' }));
    case 'invalid_union': {
      const meant = issue.errors.find(
        (branch) =>
          branch.length > 0 && !branch.some((inner) => inner.path.length === 0 && isWrongShape(inner)),
      );
      return meant === undefined ? [{ path, message: issue.message }] : faultsOf(meant, path);
    }
    case 'invalid_key':
    case 'invalid_element':
      return faultsOf(issue.issues, path);
    default:
      return [{ path, message: issue.message }];
  }
}

/** The branch was not meant at all: another type, or another value of a closed list. */
function isWrongShape(issue: Issue): boolean {
  return issue.code === 'invalid_type' || issue.code === 'invalid_value';
}

/** `body` and `['agent', 'tools', 0, 'name']` make `body.agent.tools[0].name`. */
export function joinPath(root: string, path: readonly PropertyKey[]): string {
  let text = root;
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(String(step))) text += `.${String(step)}`;
    else text += `[${JSON.stringify(String(step))}]`;
  }
  return text;
}

/** A JSON pointer, as a place below `root`. */
export function pointerPath(root: string, pointer: string): string {
  const steps = pointer.split('/').slice(1);
  return joinPath(
    root,
    steps.map((step) => {
      const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
      return /^\d+$/.test(name) ? Number(name) : name;
    }),
  );
}

/**
 * The query string as members: text made storable, and `metadata.<key>=<value>` gathered under `metadata`.
 * A repeated parameter is an array.
 */
export function queryMembers(query: unknown): { [key: string]: Json } {
  const members = new Map<string, Json>();
  const metadata = new Map<string, Json>();
  for (const [rawKey, rawValue] of Object.entries(query ?? {})) {
    const key = storableText(rawKey);
    const value = queryValue(rawValue);
    if (key.startsWith('metadata.')) metadata.set(key.slice('metadata.'.length), value);
    else members.set(key, value);
  }
  if (metadata.size > 0) members.set('metadata', Object.fromEntries(metadata));
  return Object.fromEntries(members);
}

function queryValue(value: unknown): Json {
  if (Array.isArray(value)) return value.map((item) => storableText(String(item)));
  return storableText(String(value));
}
