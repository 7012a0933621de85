import { canonicalJson, isJsonObject, storable, type Json, type JsonObject } from '@fermata/protocol';
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import { boundedPattern } from './bounded-pattern.ts';
import { withTimeLimit } from './time-limit.ts';

/** Largest schema that is compiled, characters of its canonical JSON. */
export const MAX_SCHEMA_LENGTH = 131_072;
const CACHE_SIZE = 500;
/** Schemas come from strangers, and are compiled and tried on the main thread; milliseconds. */
const COMPILE_LIMIT_MS = 2_000;
const CHECK_LIMIT_MS = 250;

export interface SchemaProblem {
  /** JSON pointer into the value; empty for the value itself. */
  path: string;
  message: string;
}

export interface CompiledSchema {
  ok: true;
  /** The first problem of the value, or null when it fits. */
  validate(value: unknown): SchemaProblem | null;
}

export type SchemaResult = CompiledSchema | { ok: false; message: string };

const cache = new Map<string, SchemaResult>();

/**
 * Compiles a JSON Schema 2020-12 (draft-07 and older when `$schema` says so). Compiled schemas are cached by
 * their canonical JSON. Never throws: a schema that is too big, not valid, or refers to a document outside
 * itself gives `{ok: false}` with a sentence for a person. Compiling, patterns and references run under time limits.
 */
export function compileSchema(schema: JsonObject): SchemaResult {
  const text = canonicalJson(schema);
  if (text.length > MAX_SCHEMA_LENGTH) {
    return { ok: false, message: `the schema is larger than ${MAX_SCHEMA_LENGTH} characters` };
  }
  const known = cache.get(text);
  if (known !== undefined) {
    cache.delete(text);
    cache.set(text, known);
    return known;
  }
  const result = compile(schema);
  cache.set(text, result);
  const oldest = cache.keys().next();
  if (cache.size > CACHE_SIZE && !oldest.done) cache.delete(oldest.value);
  return result;
}

/** `/amount must be number`, for a person or a model. */
export function problemText(problem: SchemaProblem): string {
  return problem.path === '' ? problem.message : `${problem.path} ${problem.message}`;
}

/** A schema that came from elsewhere as plain JSON; what is no storable object accepts any object. */
export function schemaObject(value: unknown): JsonObject {
  const stored = storable(value);
  return stored.ok && isJsonObject(stored.value) ? stored.value : { type: 'object' };
}

function compile(schema: JsonObject): SchemaResult {
  const { $schema: dialect, ...rest } = schema;
  const isOld = typeof dialect === 'string' && /draft-0[4-7]/.test(dialect);
  let validator: ValidateFunction;
  try {
    const checker = isOld ? metaChecker07() : metaChecker2020();
    if (checker.validateSchema(rest) !== true) {
      return { ok: false, message: `not a valid JSON Schema: ${describe(checker.errors?.[0])}` };
    }
    // A fresh instance for each: `$id`s of two strangers' schemas must never meet.
    const compiler = isOld ? new Ajv(OPTIONS) : new Ajv2020(OPTIONS);
    addFormats(compiler);
    validator = withTimeLimit(COMPILE_LIMIT_MS, () => compiler.compile(rest));
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : 'the schema cannot be compiled' };
  }
  // References may double the work with each of them; without any it is bounded by schema and value.
  const hasReferences = /"\$(ref|dynamicRef|recursiveRef)"/.test(JSON.stringify(rest));
  const check: Check = hasReferences
    ? (value) => withTimeLimit(CHECK_LIMIT_MS, () => validator(value))
    : (value) => validator(value);
  return { ok: true, validate: (value) => firstProblem(validator, check, value) };
}

type Check = (value: unknown) => boolean;

function firstProblem(validator: ValidateFunction, check: Check, value: unknown): SchemaProblem | null {
  try {
    if (check(value)) return null;
  } catch (error) {
    return { path: '', message: error instanceof Error ? error.message : 'the value cannot be checked' };
  }
  const first = validator.errors?.[0];
  return { path: first?.instancePath ?? '', message: messageOf(first) };
}

function messageOf(error: ErrorObject | undefined): string {
  if (error === undefined) return 'does not fit the schema';
  const message = error.message ?? 'does not fit the schema';
  const params: Record<string, Json> = error.params;
  const allowed = params['allowedValues'];
  if (Array.isArray(allowed)) return `${message}: ${JSON.stringify(allowed).slice(0, 300)}`;
  const extra = params['additionalProperty'];
  return typeof extra === 'string' ? `${message}: ${JSON.stringify(extra)}` : message;
}

function describe(error: ErrorObject | null | undefined): string {
  return problemText({ path: error?.instancePath ?? '', message: messageOf(error ?? undefined) });
}

/** Patterns come from strangers and are tried on strangers' values: an undecided one is a problem, never a hang. */
function patternEngine(source: string, flags: string): { test(text: string): boolean } {
  const result = boundedPattern(source, flags);
  if (!result.ok) throw new Error(`the pattern ${JSON.stringify(source.slice(0, 60))}: ${result.message}`);
  return {
    test(text: string): boolean {
      const verdict = result.pattern.test(text);
      if (verdict === 'undecided') throw new Error('a pattern of the schema took too long on this value');
      return verdict === 'match';
    },
  };
}
patternEngine.code = 'require("bounded-pattern")';

const OPTIONS: Options = {
  strict: false,
  validateSchema: false,
  logger: false,
  inlineRefs: false,
  code: { regExp: patternEngine },
};

// Node's and TypeScript's views of this CommonJS default export differ.
const addFormats = addFormatsModule.default ?? addFormatsModule;

let checker2020: Ajv2020 | undefined;
let checker07: Ajv | undefined;

/** Checking against the meta-schema costs tens of milliseconds to prepare, so it is prepared once, when needed. */
function metaChecker2020(): Ajv2020 {
  checker2020 ??= new Ajv2020({ strict: false, logger: false });
  return checker2020;
}

function metaChecker07(): Ajv {
  checker07 ??= new Ajv({ strict: false, logger: false });
  return checker07;
}
