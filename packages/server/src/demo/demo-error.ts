/** What the demo found wrong; its message is all that there is to say. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}

/** Throws unless what was promised holds. */
export function check(holds: boolean, promise: string, found?: unknown): void {
  if (holds) return;
  const shown = found === undefined ? '' : `, but found ${JSON.stringify(found)}`;
  throw new DemoError(`${promise}${shown}`);
}
