import { canonicalJson, type HttpTool, type Json, type JsonObject } from '@fermata/protocol';
import {
  mapStrings,
  parseTemplate,
  rendered,
  renderOutput,
  renderParts,
  scopeOf,
  type Rendered,
  type Rendering,
  type Scope,
  type TemplatePart,
} from './liquid-engine.ts';

/** A request as the http tool takes it. */
export interface RequestCall {
  http: HttpTool;
  args: JsonObject;
}

const NAME = /^[A-Za-z_$][A-Za-z0-9_$]{0,99}$/;

/**
 * A request whose expressions have become arguments: the http tool fills them in, URL-encoded where they stand in the
 * URL, and the secrets with them when the request leaves. So neither a log nor an approval holds a secret, and a value
 * that looks like `{{secrets.x}}` stays what it is. An expression that begins the URL is taken as it is: it is where
 * the request goes. Never throws.
 */
export function requestOf(http: HttpTool, variables: JsonObject): Rendered<RequestCall> {
  return rendered(variables, (rendering) => {
    const call: Call = { rendering, named: new Map() };
    const { headers, query, body } = http;
    const request = {
      method: http.method,
      url: urlOf(http.url, call),
      ...(headers === undefined ? {} : { headers: filledRecord(headers, call) }),
      ...(query === undefined ? {} : { query: filledRecord(query, call) }),
      ...bodyOf(http, body === undefined ? undefined : mapStrings(body, (text) => filled(text, call))),
    };
    const args = [...call.named].filter((entry): entry is [string, Json] => entry[1] !== undefined);
    return { http: request, args: Object.fromEntries(args) };
  });
}

interface Call {
  rendering: Rendering;
  /** Values by argument name; undefined for one that names nothing, which is left out. */
  named: Map<string, Json | undefined>;
}

/** Without a body of its own the http tool sends its arguments, which are not the caller’s here. */
function bodyOf({ method }: HttpTool, body: Json | undefined): { body?: Json } {
  if (body !== undefined) return { body };
  return method === 'GET' || method === 'HEAD' ? {} : { body: {} };
}

function urlOf(template: string, call: Call): string {
  const parts = parseTemplate(template, 'allowed');
  const [first, ...rest] = parts;
  const scope = scopeOf(call.rendering);
  if (first?.kind !== 'output') return placeholders(parts, scope, call);
  // A brace of a value must not become a placeholder.
  const begin = renderParts([first], scope).replaceAll('{', '%7B').replaceAll('}', '%7D');
  return begin + placeholders(rest, scope, call);
}

function filled(template: string, call: Call): string {
  return placeholders(parseTemplate(template, 'allowed'), scopeOf(call.rendering), call);
}

function filledRecord(record: Readonly<Record<string, string>>, call: Call): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([name, text]) => [name, filled(text, call)]));
}

function placeholders(parts: readonly TemplatePart[], scope: Scope, call: Call): string {
  return parts.map((part) => placeholder(part, scope, call)).join('');
}

function placeholder(part: TemplatePart, scope: Scope, { named }: Call): string {
  switch (part.kind) {
    case 'literal':
      return renderParts([part], scope);
    case 'secret':
      return `{{secrets.${part.name}}}`;
    case 'tag':
      return argument(named, null, renderParts([part], scope));
    case 'output':
      return argument(named, part.path, renderOutput(part.template, scope));
    default:
      return part satisfies never;
  }
}

function argument(named: Call['named'], path: string | null, value: Json | undefined): string {
  const name = argumentName(named, path, value);
  named.set(name, value);
  return `{{${name}}}`;
}

/** The path with underscores where that is free, or holds the same value; else a number. */
function argumentName(named: Call['named'], path: string | null, value: Json | undefined): string {
  const isFree = (name: string): boolean => !named.has(name) || isSame(named.get(name), value);
  const own = path?.replaceAll('.', '_');
  if (own !== undefined && NAME.test(own) && own !== '__proto__' && isFree(own)) return own;
  let count = 1;
  while (!isFree(`v${count}`)) count += 1;
  return `v${count}`;
}

function isSame(one: Json | undefined, other: Json | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return canonicalJson(one) === canonicalJson(other);
}
