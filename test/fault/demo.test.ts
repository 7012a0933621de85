import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('the demo kills its server in front of an approval, pays once, and says so', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['packages/server/dist/demo.js'], {
    timeout: 110_000,
  });
  expect(stdout).toMatch(/payments made +1 \(requests: 1\)/);
  expect(stdout).toMatch(/approved by +admin/);
  expect(stdout).toMatch(/each streamed once, none missing/);
});
