/** A value of the query string. Lists are sent as comma lists, `metadata` as `metadata.<key>`. */
export type QueryValue =
  string | number | boolean | readonly (string | number)[] | Readonly<Record<string, string>> | undefined;

export type Query = Readonly<Record<string, QueryValue>>;

/** `?a=1&b=2`, or an empty string. Members that are undefined or an empty list are left out. */
export function queryString(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    if (isList(value)) {
      if (value.length > 0) parameters.set(name, value.join(','));
    } else if (typeof value === 'object') {
      for (const [key, member] of Object.entries(value)) parameters.set(`${name}.${key}`, member);
    } else {
      parameters.set(name, String(value));
    }
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

function isList(value: QueryValue): value is readonly (string | number)[] {
  return Array.isArray(value);
}
