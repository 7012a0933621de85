import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { makeScratchFolder } from '../../world/scratch-folder.ts';
import { sharedWorld } from '../../world/server.ts';
import { verifies } from './verifies.ts';

const execute = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('./python-client.py', import.meta.url));
const INSTALL_MS = 240_000;
/** Its socket needs `additional_headers`, which came with 14. */
const PACKAGES = ['shannon-sdk==0.7.0', 'websockets>=14'];

const world = sharedWorld({ env: { FERMATA_SHANNON_RATE_LIMITS: 'off' } });

interface Python {
  folder: string;
  program: string;
}

let python: Python | null = null;

beforeAll(async () => {
  python = await install();
}, INSTALL_MS * 2);
afterAll(async () => {
  if (python !== null) await rm(python.folder, { recursive: true, force: true });
});

/** The SDK in a folder of its own, or null, with a notice, where it cannot be installed. */
async function install(): Promise<Python | null> {
  const folder = await makeScratchFolder('shannon-sdk');
  try {
    // What stands in the path may be a shim that needs the user's own folder.
    const { stdout } = await execute('python3', ['-c', 'import sys; print(sys.executable)']);
    const program = stdout.trim();
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', folder];
    await execute(program, [...pip, ...PACKAGES], { timeout: INSTALL_MS });
    return { folder, program };
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    console.warn(`Shannon's Python SDK is not driven here: ${why}`);
    await rm(folder, { recursive: true, force: true });
    return null;
  }
}

function run(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  if (python === null) throw new Error('there is no Python');
  return execute(python.program, args, {
    env: {
      PATH: process.env['PATH'],
      HOME: python.folder,
      PYTHONPATH: python.folder,
      SHANNON_BASE_URL: `${world().url}/shannon`,
      SHANNON_API_KEY: world().api.key,
    },
    timeout: 80_000,
  });
}

describe('Shannon’s own clients', () => {
  verifies(
    ['client.python'],
    async () => {
      if (python === null) return;
      const { stdout } = await run(SCRIPT);
      const seen = JSON.parse(stdout) as Record<string, unknown> & { events: string[]; socket: string[] };
      expect(seen).toMatchObject({
        submitted: [true, 'sdk.session'],
        text: 'hello from the SDK',
        status: ['COMPLETED', 'hello from the SDK', 'hello from the SDK', 'sdk.session'],
        total: 1,
        paused: true,
        control: [true, 'r1'],
        again: ['ConnectionError', expect.stringContaining('task is already paused') as string],
        resumed: true,
        filtered: 'workflow.resumed',
        cancelled: true,
        ended: 'CANCELLED',
        late: ['ConnectionError', expect.stringContaining('cannot resume cancelled task') as string],
        unknown: ['TaskNotFoundError', expect.stringContaining('Task not found') as string],
        approved: true,
        approval_status: 'COMPLETED',
        sessions: true,
        turns: 1,
        schedule: 'PAUSED',
        schedules: 1,
        skills: 0,
        health: 'healthy',
        wrong_key: ['AuthenticationError', '[401] Unauthorized'],
      });
      expect(seen.events).toContain('WORKFLOW_COMPLETED');
      expect(seen.socket).toHaveLength(3);
      expect(seen['gone']).not.toBeNull();
    },
    90_000,
  );

  verifies(
    ['client.cli'],
    async () => {
      if (python === null) return;
      const cli = (...args: string[]): Promise<{ stdout: string }> => run('-m', 'shannon.cli', ...args);
      const submitted = await cli('submit', 'from the CLI');
      const taskId = /task-[0-9a-f-]+/.exec(submitted.stdout)?.[0] ?? '';
      expect((await cli('status', taskId)).stdout).toMatch(/COMPLETED|RUNNING/);
      await world().api.finished(
        taskId.slice(-32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
      );
      const refused = await cli('resume', taskId).then(
        () => null,
        (error: { code: number; stdout: string; stderr: string }) => error,
      );
      expect(refused?.code).toBe(1);
      expect(`${refused?.stdout}${refused?.stderr}`).toContain('cannot resume completed task');
      expect(join(python.folder, 'shannon')).toContain('shannon');
    },
    90_000,
  );
});
