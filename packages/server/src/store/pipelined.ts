/** Sends a statement only when there is something to ask for. */
export function when<T>(needed: readonly unknown[], send: () => PromiseLike<T>): PromiseLike<T> | null {
  return needed.length === 0 ? null : send();
}

/** Waits for every statement, so that no rejection is left behind, then throws the first one. */
export async function allSettledOrThrow<T extends readonly unknown[]>(
  statements: T,
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  const results = await Promise.allSettled(statements);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  // Every result is fulfilled here, in the order of the statements.
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as {
    [K in keyof T]: Awaited<T[K]>;
  };
}
