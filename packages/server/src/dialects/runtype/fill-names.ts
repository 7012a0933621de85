import { isJsonObject, type Json, type JsonObject } from '@fermata/protocol';

const NAME = /\{\{\s*([A-Za-z_$][\w$]*(?:\.[\w$-]+)*)\s*\}\}/g;

/**
 * Fills `{{name}}` and `{{name.member}}` in the instructions of an agent. What is not known becomes nothing; secrets
 * are filled in nowhere but in requests that leave, so they stay as they are.
 */
export function fillNames(template: string, variables: JsonObject): string {
  return template.replace(NAME, (match, path: string) => {
    if (path.startsWith('secrets.')) return match;
    const value = valueAt(variables, path.split('.'));
    if (value === undefined || value === null) return '';
    return typeof value === 'string' ? value : JSON.stringify(value);
  });
}

function valueAt(value: Json, [name, ...rest]: string[]): Json | undefined {
  if (name === undefined) return value;
  const member = Array.isArray(value)
    ? value[Number(name)]
    : isJsonObject(value) && Object.hasOwn(value, name)
      ? value[name]
      : undefined;
  return member === undefined ? undefined : valueAt(member, rest);
}
