/** The one value of a list; anything else is a mistake of the test, or what it looks for. */
export function only<T>(values: readonly T[]): T {
  const [value] = values;
  if (values.length !== 1 || value === undefined) {
    throw new Error(`expected exactly one, got ${values.length}: ${JSON.stringify(values).slice(0, 2_000)}`);
  }
  return value;
}
