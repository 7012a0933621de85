import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { REQUIREMENTS } from './requirements.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** Ids in `verifies([...]` calls. */
function citedIn(source: string): string[] {
  return [...source.matchAll(/\bverifies\(\s*\[([^\]]*)\]/g)].flatMap((call) =>
    [...(call[1] ?? '').matchAll(/'([^']+)'/g)].map((id) => id[1] ?? ''),
  );
}

const cited = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.test.ts') && file !== 'coverage.test.ts')
  .flatMap((file) => citedIn(readFileSync(FOLDER + file, 'utf8')));

describe('the requirements of the Shannon face', () => {
  it('are each cited by a test', () => {
    expect(Object.keys(REQUIREMENTS).filter((id) => !cited.includes(id))).toEqual([]);
  });

  it('are all that tests cite', () => {
    expect(cited.filter((id) => !(id in REQUIREMENTS))).toEqual([]);
  });

  it('are found in the sources', () => {
    expect(citedIn("verifies(['a.b', 'c'], async () => {}); verifies(\n  ['d'],")).toEqual(['a.b', 'c', 'd']);
    expect(cited.length).toBeGreaterThan(40);
  });
});
