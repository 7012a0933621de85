import {
  canonicalJson,
  isJsonObject,
  type ApprovalPolicy,
  type Json,
  type RuleCondition,
} from '@fermata/protocol';
import { boundedPattern } from '../../schemas/bounded-pattern.ts';

/**
 * Whether a call with these arguments waits for an approval. A condition on a value that is not there never
 * matches (but `exists: false` does). What cannot be decided (a pattern that is not valid or takes too long, an
 * operator without a value) counts as needing one: a rule must not be got around by making it fail.
 */
export function needsApproval(policy: ApprovalPolicy | undefined, args: Json): boolean {
  if (policy === undefined || policy === 'never') return false;
  if (policy === 'always' || policy.when === undefined) return true;
  const rule = policy.when;
  if ('all' in rule) return rule.all.every((condition) => holds(condition, args));
  if ('any' in rule) return rule.any.some((condition) => holds(condition, args));
  return holds(rule, args);
}

const MAX_POLICY_LENGTH = 500;

/** The rule that asks for an approval, as the record of the decision names it: `always`, or the rule as JSON. */
export function policyText(policy: ApprovalPolicy): string {
  if (typeof policy === 'string' || policy.when === undefined) return 'always';
  const text = canonicalJson(policy.when as Json);
  return text.length <= MAX_POLICY_LENGTH ? text : `${text.slice(0, MAX_POLICY_LENGTH).toWellFormed()}…`;
}

function holds(condition: RuleCondition, args: Json): boolean {
  const actual = valueAt(args, condition.path);
  const { op, value: expected } = condition;
  if (op === 'exists') return (actual !== undefined) === (expected !== false);
  if (actual === undefined) return false;
  if (expected === undefined) return true;
  switch (op) {
    case 'eq':
      return same(actual, expected);
    case 'ne':
      return !same(actual, expected);
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return compares(op, actual, expected);
    case 'in':
      return Array.isArray(expected) ? expected.some((member) => same(actual, member)) : true;
    case 'contains':
      return contains(actual, expected);
    case 'matches':
      return matches(actual, expected);
    default:
      return op satisfies never;
  }
}

function valueAt(args: Json, path: string): Json | undefined {
  let current: Json | undefined = args;
  for (const step of path.split('.')) {
    if (Array.isArray(current)) current = /^\d{1,9}$/.test(step) ? current[Number(step)] : undefined;
    else if (isJsonObject(current)) current = Object.hasOwn(current, step) ? current[step] : undefined;
    else return undefined;
  }
  return current;
}

function same(a: Json, b: Json): boolean {
  return a === b || canonicalJson(a) === canonicalJson(b);
}

/** Two numbers, or two strings (RFC 3339 times, versions of one length); a number written as text is a number. */
function compares(op: 'gt' | 'gte' | 'lt' | 'lte', actual: Json, expected: Json): boolean {
  const [left, right] = typeof expected === 'number' ? [asNumber(actual), expected] : [actual, expected];
  const isComparable =
    (typeof left === 'number' && typeof right === 'number') ||
    (typeof left === 'string' && typeof right === 'string');
  if (!isComparable) return true;
  switch (op) {
    case 'gt':
      return left > right;
    case 'gte':
      return left >= right;
    case 'lt':
      return left < right;
    case 'lte':
      return left <= right;
    default:
      return op satisfies never;
  }
}

function asNumber(value: Json): Json {
  if (typeof value !== 'string' || value.trim() === '') return value;
  const number = Number(value);
  return Number.isFinite(number) ? number : value;
}

function contains(actual: Json, expected: Json): boolean {
  if (Array.isArray(actual)) return actual.some((member) => same(member, expected));
  if (typeof actual === 'string') return typeof expected === 'string' && actual.includes(expected);
  if (isJsonObject(actual)) return typeof expected === 'string' && Object.hasOwn(actual, expected);
  return false;
}

function matches(actual: Json, expected: Json): boolean {
  if (typeof expected !== 'string') return true;
  const text = typeof actual === 'string' ? actual : JSON.stringify(actual);
  const compiled = boundedPattern(expected);
  return compiled.ok ? compiled.pattern.test(text) !== 'no_match' : true;
}
