import { isJsonObject } from '@fermata/protocol';
import { z } from 'zod';
import { EngineError } from '../../engine/errors.ts';
import type { RequestRules } from '../../http/operation-request.ts';
import type { ValidationItem } from './wire.ts';

/** A request that is not valid, with its faults in the vendor's words. */
export class InvalidRequest extends EngineError {
  readonly items: readonly ValidationItem[];

  constructor(items: readonly ValidationItem[]) {
    super('invalid_request', items[0]?.msg ?? 'The request is not valid');
    this.items = items;
  }
}

const MAX_ITEMS = 50;

/** Members that are not known are ignored; a parameter that is repeated counts by its last value. */
export const CODEGEN_RULES: RequestRules = {
  parse(schema, value, part) {
    if (part === 'body') checkIsObject(value);
    const result = schema.safeParse(part === 'query' ? lastValues(value) : value);
    if (result.success) return result.data;
    throw new InvalidRequest(result.error.issues.slice(0, MAX_ITEMS).map((issue) => itemOf(issue, part)));
  },
  noQuery: z.object({}),
  absentBody: null,
};

/** Source: the answers of FastAPI to a body that is absent, and to one that is no object. */
function checkIsObject(value: unknown): void {
  if (isJsonObject(value)) return;
  throw new InvalidRequest([
    value === null
      ? { type: 'missing', loc: ['body'], msg: 'Field required' }
      : {
          type: 'model_attributes_type',
          loc: ['body'],
          msg: 'Input should be a valid dictionary or object to extract fields from',
        },
  ]);
}

function lastValues(query: unknown): unknown {
  if (!isJsonObject(query)) return query;
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [name, Array.isArray(value) ? value.at(-1) : value]),
  );
}

function itemOf(issue: z.core.$ZodIssue, part: string): ValidationItem {
  const steps = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  const type: unknown = issue.code === 'custom' ? issue.params?.['type'] : undefined;
  return { type: typeof type === 'string' ? type : 'value_error', loc: [part, ...steps], msg: issue.message };
}
