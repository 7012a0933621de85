import { it } from 'vitest';
import { REQUIREMENTS } from './requirements.ts';

/**
 * A test that cites the requirements which it verifies, by id; it is named after them. `coverage.test.ts` reads the
 * ids from the sources, so they must stand as literals in the call.
 */
export function verifies(ids: readonly string[], test: () => Promise<void> | void, timeoutMs?: number): void {
  const behaviours = ids.map((id) => {
    const behaviour = REQUIREMENTS[id];
    if (behaviour === undefined) throw new Error(`there is no requirement ${id}`);
    return behaviour;
  });
  it(`${behaviours.join('; ')} (${ids.join(', ')})`, test, timeoutMs);
}
