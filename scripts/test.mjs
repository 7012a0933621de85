// npm test [-- project [vitest options]]: builds, runs the Vitest projects, and ends with one line of counts.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, requireSupportedNode, root } from './prepare.mjs';

const PROJECTS = ['unit', 'engine', 'contract', 'browser', 'fault'];

requireSupportedNode();
ensureInstalled();
ensureBuilt();

const args = process.argv.slice(2);
const project = args[0] && !args[0].startsWith('-') ? args.shift() : undefined;
if (project !== undefined && !PROJECTS.includes(project)) {
  console.error(`There is no test project "${project}"; there are ${PROJECTS.join(', ')}.`);
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'fermata-results-'));
const report = join(folder, 'results.json');
const vitest = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--passWithNoTests'];
const selected = project === undefined ? [] : [`--project=${project}`];
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const run = spawnSync(process.execPath, [...vitest, ...selected, ...reporters, ...args], {
  cwd: root,
  stdio: 'inherit',
});
const counts = readCounts(report);
rmSync(folder, { recursive: true, force: true });

// A run that ends badly without a failed test (an unhandled error, a crash) is a failure all the same.
if (run.status !== 0 && counts.failed === 0) {
  console.error(`vitest ended with ${run.status === null ? run.signal : `exit code ${run.status}`}.`);
  counts.failed = 1;
}
if (counts.passed + counts.failed === 0) console.error('No test ran.');
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);

function readCounts(path) {
  try {
    const result = JSON.parse(readFileSync(path, 'utf8'));
    // A file that does not even load has no tests that could fail.
    const unloadable = result.testResults.filter(
      (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
    );
    return {
      passed: result.numPassedTests,
      failed: result.numFailedTests + unloadable.length,
      skipped: result.numPendingTests + (result.numTodoTests ?? 0),
    };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}
