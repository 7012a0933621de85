import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePasswd } from './account.ts';
import { isPostmasterOf, isProcessAlive, parsePostmasterFile } from './postmaster-file.ts';

describe('parsePostmasterFile', () => {
  it('reads pid, port, socket folder and status', () => {
    const text = '4711\n/data/postgres\n1700000000\n5433\n/tmp/run\n\n  1234 5\nready   \n';
    expect(parsePostmasterFile(text)).toMatchObject({
      pid: 4711,
      port: 5433,
      socketDir: '/tmp/run',
      status: 'ready',
    });
  });

  it('takes a file that is still being written as one without a status', () => {
    expect(parsePostmasterFile('4711\n/data')).toMatchObject({ pid: 4711, socketDir: '', status: 'unknown' });
  });

  it('finds nothing in an empty or damaged file', () => {
    expect(parsePostmasterFile('')).toBeNull();
    expect(parsePostmasterFile('hello\n')).toBeNull();
    expect(parsePostmasterFile('-1\n')).toBeNull();
  });
});

describe('isPostmasterOf', () => {
  it('does not take a stranger that got the process id for the server', () => {
    const folder = mkdtempSync(join(tmpdir(), 'fermata-stranger-'));
    expect(isProcessAlive(process.pid)).toBe(true);
    expect(isPostmasterOf(process.pid, folder)).toBe(false);
    rmSync(folder, { recursive: true });
  });

  it('knows that a process has gone', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    expect(child.pid !== undefined && isProcessAlive(child.pid)).toBe(false);
  });

  it.runIf(process.platform === 'linux')('takes a zombie for gone', () => {
    // The shell starts a child and becomes a program that never asks for its exit.
    const script = 'sh -c "exit 0" & echo $!; exec sleep 60';
    const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    return once(parent.stdout, 'data').then(async ([line]: unknown[]) => {
      const pid = Number(String(line));
      await expect.poll(() => isProcessAlive(pid)).toBe(false);
      parent.kill('SIGKILL');
    });
  });
});

describe('parsePasswd', () => {
  it('reads names and ids and leaves damaged lines out', () => {
    expect(
      parsePasswd('root:x:0:0:root:/root:/bin/sh\n# x\nbad:x:a:b\nnobody:x:65534:65534::/:/x\n'),
    ).toEqual([
      { name: 'root', uid: 0, gid: 0 },
      { name: 'nobody', uid: 65534, gid: 65534 },
    ]);
  });
});
