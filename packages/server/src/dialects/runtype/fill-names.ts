import { isJsonObject, type Json, type JsonObject } from '@fermata/protocol';

const NAME = /\{\{\s*([A-Za-z_$][\w$]*(?:\.[\w$-]+)*)\s*\}\}/g;

/**
 * Fills `{{name}}` and `{{name.member}}` in the instructions of an agent. What is not known becomes nothing, or stays:
 * a saved agent's instructions may be no template at all. Secrets are filled in nowhere but in requests that leave.
 */
export function fillNames(
  template: string,
  variables: JsonObject,
  unknown: 'blank' | 'kept' = 'blank',
): string {
  return template.replace(NAME, (match, path: string) => {
    if (path.startsWith('secrets.')) return match;
    const value = valueAt(variables, path.split('.'));
    if (value === undefined && unknown === 'kept') return match;
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
