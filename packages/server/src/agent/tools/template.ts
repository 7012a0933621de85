import { isJsonObject, type Json, type JsonObject } from '@fermata/protocol';

/** What templates may name: the call's arguments, and the run's secrets as `secrets.<name>`. */
export interface TemplateValues {
  args: Json;
  secrets: Readonly<Record<string, string>>;
}

/** The template cannot be filled; the message is for the model and a person, and holds no value. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

const PLACEHOLDER = /\{\{\s*([A-Za-z0-9_$.-]+)\s*\}\}/g;
const WHOLE = /^\{\{\s*([A-Za-z0-9_$.-]+)\s*\}\}$/;

/** Fills `{{name}}`; a missing argument becomes nothing. Throws `TemplateError` for a secret that is not set. */
export function fillText(
  template: string,
  values: TemplateValues,
  encode: (text: string) => string = (text) => text,
): string {
  return template.replace(PLACEHOLDER, (_match, name: string) => encode(textOfValue(lookUp(name, values))));
}

/**
 * A URL with its arguments URL-encoded. Throws `TemplateError` when an argument would change the path: a segment
 * `..` is resolved away by every HTTP client, however it is encoded.
 */
export function fillUrl(
  template: string,
  query: Readonly<Record<string, string>>,
  values: TemplateValues,
): URL {
  const text = fillText(template, values, encodeURIComponent);
  const path = text.replace(/[?#].*$/s, '');
  if (path.split(/[/\\]/).some((segment) => /^(\.|%2e){1,2}$/i.test(segment))) {
    throw new TemplateError('the URL has a path segment . or ..');
  }
  if (!URL.canParse(text)) throw new TemplateError('the filled URL is not valid');
  const url = new URL(text);
  for (const [name, value] of Object.entries(query)) {
    const filled = fillText(value, values);
    if (filled !== '' || value === '') url.searchParams.append(name, filled);
  }
  return url;
}

/** Fills a JSON template. A string that is one placeholder alone keeps the value's type; missing members are left out. */
export function fillJson(template: Json, values: TemplateValues): Json {
  return fillMember(template, values) ?? null;
}

function fillMember(template: Json, values: TemplateValues): Json | undefined {
  if (typeof template === 'string') {
    const whole = WHOLE.exec(template)?.[1];
    return whole === undefined ? fillText(template, values) : lookUp(whole, values);
  }
  if (Array.isArray(template)) return template.map((member) => fillJson(member, values));
  if (!isJsonObject(template)) return template;
  const out: JsonObject = {};
  for (const [key, member] of Object.entries(template)) {
    const filled = fillMember(member, values);
    if (filled !== undefined) out[key] = filled;
  }
  return out;
}

function lookUp(name: string, values: TemplateValues): Json | undefined {
  if (name.startsWith('secrets.')) {
    const secret = name.slice('secrets.'.length);
    const value = Object.hasOwn(values.secrets, secret) ? values.secrets[secret] : undefined;
    if (value === undefined) throw new TemplateError(`the run has no secret named ${secret}`);
    return value;
  }
  let current: Json | undefined = values.args;
  for (const step of name.split('.')) {
    if (Array.isArray(current)) current = /^\d{1,9}$/.test(step) ? current[Number(step)] : undefined;
    else if (isJsonObject(current)) current = Object.hasOwn(current, step) ? current[step] : undefined;
    else return undefined;
  }
  return current;
}

function textOfValue(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
