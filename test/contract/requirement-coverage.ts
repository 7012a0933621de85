import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** Ids in `verifies([...]` calls. */
function citedIn(source: string): string[] {
  return [...source.matchAll(/\bverifies\(\s*\[([^\]]*)\]/g)].flatMap((call) =>
    [...(call[1] ?? '').matchAll(/'([^']+)'/g)].map((id) => id[1] ?? ''),
  );
}

/** The requirements of a face and what the tests beside `coverageUrl` cite are the same, and more than `fewest`. */
export function describeCoverage(
  face: string,
  coverageUrl: string,
  requirements: Readonly<Record<string, unknown>>,
  fewest: number,
): void {
  const folder = fileURLToPath(new URL('.', coverageUrl));
  const cited = readdirSync(folder)
    .filter((file) => file.endsWith('.test.ts') && file !== 'coverage.test.ts')
    .flatMap((file) => citedIn(readFileSync(folder + file, 'utf8')));

  describe(`the requirements of the ${face}`, () => {
    it('are each cited by a test', () => {
      expect(Object.keys(requirements).filter((id) => !cited.includes(id))).toEqual([]);
    });

    it('are all that tests cite', () => {
      expect(cited.filter((id) => !(id in requirements))).toEqual([]);
    });

    it('are found in the sources', () => {
      expect(citedIn("verifies(['a.b', 'c'], async () => {}); verifies(\n  ['d'],")).toEqual([
        'a.b',
        'c',
        'd',
      ]);
      expect(cited.length).toBeGreaterThan(fewest);
    });
  });
}
