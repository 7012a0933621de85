import { isJsonObject } from '@fermata/protocol';
import { z } from 'zod';
import { EngineError } from '../../engine/errors.ts';
import type { RequestRules } from '../../http/operation-request.ts';
import type { ValidationItem } from './wire.ts';

type Issue = z.core.$ZodIssue;
type Part = 'path' | 'query' | 'body';

/** A request that does not fit its schema, with the vendor's words for each fault. */
export class InvalidRequest extends EngineError {
  readonly items: readonly ValidationItem[];

  constructor(items: readonly ValidationItem[]) {
    const [first] = items;
    const place = first?.loc.slice(1).join('.') ?? '';
    super(
      'invalid_request',
      `${place === '' ? '' : `${place}: `}${first?.msg ?? 'The request is not valid'}`,
    );
    this.items = items;
  }
}

const MAX_ITEMS = 50;

/** Unknown members are ignored; faults are told in the words of the vendor's validation. */
export const TELNYX_RULES: RequestRules = {
  parse(schema, value, part) {
    if (part === 'body') checkBody(schema, value);
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const items = result.error.issues.map((issue) => itemOf(issue, value, part));
    throw new InvalidRequest(items.slice(0, MAX_ITEMS));
  },
  noQuery: z.object({}),
  absentBody: null,
};

/** A body that is no object at all is one fault, not one of every member. */
function checkBody(schema: z.ZodType, value: unknown): void {
  if (isJsonObject(value) || schema.safeParse(value).success) return;
  const item: ValidationItem =
    value === null
      ? { loc: ['body'], msg: 'Field required', type: 'missing' }
      : {
          loc: ['body'],
          msg: 'Input should be a valid dictionary or object to extract fields from',
          type: 'model_attributes_type',
        };
  throw new InvalidRequest([item]);
}

function itemOf(issue: Issue, root: unknown, part: Part): ValidationItem {
  const steps = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  return { loc: [part, ...steps], ...faultOf(issue, valueAt(root, steps), part) };
}

function valueAt(root: unknown, steps: readonly (string | number)[]): unknown {
  let value = root;
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/** Texts and types as the vendor's framework gives them. */
function faultOf(issue: Issue, value: unknown, part: Part): Omit<ValidationItem, 'loc'> {
  if (value === undefined) return { msg: 'Field required', type: 'missing' };
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, value, part);
    case 'invalid_value': {
      const values = issue.values.map((one) => `'${String(one)}'`);
      const last = values.pop() ?? '';
      const list = values.length === 0 ? last : `${values.join(', ')} or ${last}`;
      return { msg: `Input should be ${list}`, type: 'enum' };
    }
    case 'invalid_format':
      return issue.format === 'guid'
        ? { msg: 'Input should be a valid UUID', type: 'uuid_parsing' }
        : { msg: issue.message, type: 'value_error' };
    case 'too_small':
      return tooSmall(issue.origin, Number(issue.minimum));
    case 'too_big':
      return tooBig(issue.origin, Number(issue.maximum));
    default:
      return issue.message === 'expected an object'
        ? { msg: 'Input should be a valid dictionary', type: 'dict_type' }
        : { msg: `Value error, ${issue.message}`, type: 'value_error' };
  }
}

function wrongType(expected: string, value: unknown, part: Part): Omit<ValidationItem, 'loc'> {
  switch (expected) {
    case 'string':
      return { msg: 'Input should be a valid string', type: 'string_type' };
    case 'number':
    case 'int':
      if (part === 'query') {
        return {
          msg: 'Input should be a valid integer, unable to parse string as an integer',
          type: 'int_parsing',
        };
      }
      return typeof value === 'number'
        ? {
            msg: 'Input should be a valid integer, got a number with a fractional part',
            type: 'int_from_float',
          }
        : { msg: 'Input should be a valid integer', type: 'int_type' };
    case 'array':
      return { msg: 'Input should be a valid list', type: 'list_type' };
    default:
      return { msg: 'Input should be a valid dictionary', type: 'dict_type' };
  }
}

function tooSmall(origin: string, minimum: number): Omit<ValidationItem, 'loc'> {
  return origin === 'string'
    ? { msg: `String should have at least ${minimum} character`, type: 'string_too_short' }
    : { msg: `Input should be greater than or equal to ${minimum}`, type: 'greater_than_equal' };
}

function tooBig(origin: string, maximum: number): Omit<ValidationItem, 'loc'> {
  switch (origin) {
    case 'string':
      return { msg: `String should have at most ${maximum} characters`, type: 'string_too_long' };
    case 'array':
      return { msg: `List should have at most ${maximum} items after validation`, type: 'too_long' };
    default:
      return { msg: `Input should be less than or equal to ${maximum}`, type: 'less_than_equal' };
  }
}
