// The template language of flows: Liquid, with limits, without files, over plain JSON. A template is data of a
// stranger’s: it sees own members of the variables alone, and what it writes is never read as a template again.
import { storable, type Json, type JsonObject, type RunError } from '@fermata/protocol';
import {
  Context,
  Drop,
  evalToken,
  Liquid,
  LiquidError,
  Output,
  Parser,
  toValueSync,
  TypeGuards,
  type Template,
  type TopLevelToken,
} from 'liquidjs';
import { TimeUp, withTimeLimit } from '../../schemas/time-limit.ts';

/** Code of the error: `template_failed`. `unresolved`: expressions that named nothing, as written. */
export type Rendered<T> = { ok: true; value: T; unresolved: string[] } | { ok: false; error: RunError };

/** One piece of a template, in its order. `path` is what an expression without filters names. */
export type TemplatePart =
  | { kind: 'literal' | 'tag'; template: Template }
  | { kind: 'secret'; template: Template; name: string }
  | { kind: 'output'; template: Output; path: string | null };

/** The strings of one value, rendered over the same variables within one time. */
export interface Rendering {
  variables: JsonObject;
  deadline: number;
  unresolved: Set<string>;
}

/** The scope of one template: what it assigns is seen by its later parts alone. */
export type Scope = Context;

const MAX_TEMPLATE_LENGTH = 1_000_000;
/** Rendering is done on the main thread, so this is all that the templates of one value may take. */
const RENDER_TIMEOUT_MS = 500;
/** Characters written and members made by one template. */
const MAX_WORK = 8_000_000;
const MAX_MESSAGE = 1_000;
const UNRESOLVED = 'unresolved';
const SECRETS_ELSEWHERE =
  'secrets may stand only in the url, headers, query and body of a request, each as {{secrets.<name>}} alone';

const liquid = new Liquid({
  ownPropertyOnly: true,
  strictFilters: true,
  timezoneOffset: 0,
  parseLimit: MAX_TEMPLATE_LENGTH,
  memoryLimit: MAX_WORK,
  // Without files: names of partials would be looked up here.
  templates: {},
});
for (const tag of ['include', 'render', 'layout', 'block']) delete liquid.tags[tag];

/** What is wrong with a template, in words for its author. */
class TemplateFailure extends Error {
  override readonly name = 'TemplateFailure';
}

/** Makes a value of what `render` does, or an error of what it throws. */
export function rendered<T>(variables: JsonObject, render: (rendering: Rendering) => T): Rendered<T> {
  const deadline = performance.now() + RENDER_TIMEOUT_MS;
  const rendering: Rendering = { variables, deadline, unresolved: new Set() };
  try {
    // Liquid looks at its own limit between two templates only: a filter may compute for ever.
    const value = withTimeLimit(RENDER_TIMEOUT_MS, () => render(rendering));
    return { ok: true, value, unresolved: [...rendering.unresolved] };
  } catch (error) {
    return { ok: false, error: { code: 'template_failed', message: templateMessage(error) } };
  }
}

/** Why a template failed, for its author. */
export function templateMessage(error: unknown): string {
  if (error instanceof TemplateFailure) return error.message;
  if (error instanceof TimeUp) return `the templates took longer than ${RENDER_TIMEOUT_MS} ms`;
  if (LiquidError.is(error)) return `the template failed: ${error.message}`.slice(0, MAX_MESSAGE);
  // Not of the library’s making: a stack or a string has run out.
  return 'the template needs too much';
}

/** The parts of a template; `secrets` says whether it belongs to a request. Throws when it does not parse. */
export function parseTemplate(text: string, secrets: 'allowed' | 'refused'): TemplatePart[] {
  const plain = text.replace(MANAGED_SECRET, '{{$1 secrets.$2 $3}}');
  const templates = new WatchingParser(liquid).parse(plain);
  const parts = templates.map(partOf);
  if (!plain.includes('secrets')) return parts;
  const others = parts.filter(({ kind }) => secrets === 'refused' || kind !== 'secret');
  const { globals } = liquid.analyzeSync(
    others.map(({ template }) => template),
    { partials: false },
  );
  if (Object.hasOwn(globals, 'secrets')) throw new TemplateFailure(SECRETS_ELSEWHERE);
  return parts;
}

/** `{{secret:NAME}}` is another spelling of `{{secrets.NAME}}`. */
const MANAGED_SECRET = /\{\{(-?)\s*secret\s*:\s*([A-Za-z0-9_.-]*[A-Za-z0-9_])\s*(-?)\}\}/g;
const SECRET = /^secrets\.([A-Za-z0-9_.-]+)$/;

function partOf(template: Template): TemplatePart {
  if (TypeGuards.isHTMLToken(template.token)) return { kind: 'literal', template };
  if (!(template instanceof Output)) return { kind: 'tag', template };
  const path = template.value.filters.length === 0 ? (pathToken(template)?.getText() ?? null) : null;
  const name = path === null ? undefined : SECRET.exec(path)?.[1];
  return name === undefined ? { kind: 'output', template, path } : { kind: 'secret', template, name };
}

export function scopeOf({ variables, deadline, unresolved }: Rendering): Scope {
  const renderLimit = deadline - performance.now();
  if (renderLimit <= 0) throw new TemplateFailure(`the templates took longer than ${RENDER_TIMEOUT_MS} ms`);
  // A copy, because `increment` writes to the outermost scope.
  const scope = new Context({ ...variables }, liquid.options, { sync: true, renderLimit }, { liquid });
  scope.setRegister(UNRESOLVED, unresolved);
  return scope;
}

export function renderParts(parts: readonly TemplatePart[], scope: Scope): string {
  const templates = parts.map(({ template }) => template);
  const text: unknown = toValueSync(liquid.renderer.renderTemplates(templates, scope));
  return textOf(jsonOf(text));
}

/** The value of an expression, undefined when it names nothing. */
export function renderOutput(output: Output, scope: Scope): Json | undefined {
  const value: unknown = toValueSync(valueOf(output, scope));
  return value === undefined ? undefined : jsonOf(value);
}

/** The output when a template is nothing else, so that its value keeps its type. */
export function onlyOutput(parts: readonly TemplatePart[]): Output | null {
  const [first] = parts;
  return parts.length === 1 && first?.kind === 'output' ? first.template : null;
}

/** A JSON value with its strings mapped; keys stay as they are. */
export function mapStrings(json: Json, map: (text: string) => Json): Json {
  if (typeof json === 'string') return map(json);
  if (Array.isArray(json)) return json.map((member) => mapStrings(member, map));
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(Object.entries(json).map(([key, member]) => [key, mapStrings(member, map)]));
}

/** Parses what is inside of tags too, so every output of a template is watched. */
class WatchingParser extends Parser {
  override parseToken(token: TopLevelToken, rest: TopLevelToken[]): ReturnType<Parser['parseToken']> {
    const template = super.parseToken(token, rest);
    if (template instanceof Output) watchOutput(template);
    else if (TypeGuards.isHTMLToken(token)) countLiteral(template, token.size());
    return template;
  }
}

function watchOutput(output: Output): void {
  output.render = function* (scope, emitter): Generator<unknown, void, unknown> {
    const text = textOf(jsonOf(yield valueOf(output, scope)));
    scope.memoryLimit.use(text.length);
    emitter.write(text);
  };
}

/** A literal in a loop is work too. */
function countLiteral(literal: Template, length: number): void {
  const render = literal.render.bind(literal);
  literal.render = function* (scope, emitter): Generator<unknown, void, unknown> {
    scope.memoryLimit.use(length);
    yield render(scope, emitter);
  };
}

function* valueOf(output: Output, scope: Scope): Generator<unknown, unknown, unknown> {
  const path = pathToken(output);
  const isWatched = path !== null && output.value.filters[0]?.name !== 'default';
  if (isWatched && (yield evalToken(path, scope)) === undefined) {
    scope.getRegister<Set<string> | undefined>(UNRESOLVED)?.add(path.getText());
  }
  const value = yield output.value.value(scope, false);
  return value;
}

function pathToken({ value }: Output): ReturnType<typeof onlyPath> {
  return onlyPath(value.initial.postfix);
}

function onlyPath(tokens: Output['value']['initial']['postfix']): (typeof tokens)[number] | null {
  const [token] = tokens;
  return tokens.length === 1 && token !== undefined && TypeGuards.isPropertyAccessToken(token) ? token : null;
}

function jsonOf(value: unknown): Json {
  if (value === undefined || value instanceof Drop) return null;
  const result = storable(value);
  if (!result.ok) throw new TemplateFailure(`the template gives what is ${result.message}`);
  return result.value;
}

function textOf(value: Json): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
