import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeScratchFolder } from '../../world/scratch-folder.ts';
import { sharedWorld } from '../../world/server.ts';
import { codegenOf, type CodegenClient, type CodegenRun } from './codegen-client.ts';
import { verifies } from './verifies.ts';

const execute = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('./python-client.py', import.meta.url));
const INSTALL_MS = 240_000;
/** The SDK needs 3.12; its generated client is content with less. */
const INTERPRETERS = ['python3.13', 'python3.12', 'python3'];
const CLIENT = ['codegen-api-client==1.0.0'];
/** Without its other dependencies, which are those of the CLI. */
const SDK = ['codegen==0.57.0', 'requests', 'rich', 'python-dotenv'];

const world = sharedWorld();
const codegen = (): CodegenClient => codegenOf(world());

interface Python {
  folder: string;
  program: string;
  parts: string[];
}

let python: Python | null = null;
let whyNot = '';

beforeAll(async () => {
  for (const interpreter of INTERPRETERS) {
    python = await install(interpreter);
    if (python !== null) return;
  }
  console.warn(`the Python clients are not driven here: ${whyNot}`);
}, INSTALL_MS * 2);
afterAll(async () => {
  if (python !== null) await rm(python.folder, { recursive: true, force: true });
});

/** The clients in a folder of their own, or null where they cannot be installed. */
async function install(interpreter: string): Promise<Python | null> {
  const folder = await makeScratchFolder('python');
  const pip = (...args: string[]): Promise<unknown> =>
    execute(
      interpreter,
      ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', folder, ...args],
      { timeout: INSTALL_MS },
    );
  let program: string;
  try {
    // What stands in the path may be a shim that needs the user's own folder.
    program = (await execute(interpreter, ['-c', 'import sys; print(sys.executable)'])).stdout.trim();
    await pip(...CLIENT);
  } catch (error) {
    whyNot = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    await rm(folder, { recursive: true, force: true });
    return null;
  }
  const [sdk = '', ...needed] = SDK;
  try {
    await pip('--no-deps', sdk);
    await pip(...needed);
    return { folder, program, parts: ['client', 'sdk'] };
  } catch {
    return { folder, program, parts: ['client'] };
  }
}

interface Failure {
  kind: string;
  status: number;
  body: string;
}

interface Seen {
  client: {
    run: { id: number; status: string; result: string; web_url: string };
    organizations: number[];
    users: number;
    unknown: Failure;
    foreign: Failure;
    unauthorized: Failure;
  };
  sdk?: { id: number; status: string; result: string; org_id: number };
}

describe('the official clients', () => {
  verifies(
    ['client.python'],
    async () => {
      if (python === null) return;
      const { stdout } = await execute(python.program, [SCRIPT, ...python.parts], {
        env: {
          PATH: process.env['PATH'],
          // A login of the user's own would name another organization.
          HOME: python.folder,
          PYTHONPATH: python.folder,
          CODEGEN_API_BASE_URL: `${world().url}/codegen`,
          CODEGEN_TOKEN: world().api.key,
        },
        timeout: 60_000,
      });
      const { client, sdk } = JSON.parse(stdout) as Seen;
      expect(client.run).toMatchObject({ status: 'COMPLETE', result: 'hello' });
      expect(await codegen().get(client.run.id)).toMatchObject({ source_type: 'API' });
      expect(client).toMatchObject({ organizations: [1], users: 4 });
      expect(client.unknown).toMatchObject({ kind: 'NotFoundException', status: 404 });
      expect(client.foreign).toMatchObject({ kind: 'ForbiddenException', status: 403 });
      expect(client.unauthorized).toMatchObject({ kind: 'UnauthorizedException', status: 401 });
      expect(JSON.parse(client.unknown.body)).toMatchObject({ detail: 'Agent run not found.' });
      if (sdk === undefined)
        console.warn('the Python SDK needs Python 3.12: only its generated client was driven');
      else expect(sdk).toMatchObject({ status: 'COMPLETE', result: 'hello from the SDK', org_id: 1 });
    },
    90_000,
  );

  // What the CLI and the TUI send and read, as recorded (wire section 6.4).
  verifies(['client.cli'], async () => {
    const headers = { 'x-codegen-client': 'codegen__claude_code', 'user-agent': 'python-requests/2.32' };
    const created = await codegen().request<CodegenRun>('POST', '/v1/organizations/1/agent/run', {
      body: { prompt: 'from the TUI' },
      headers,
    });
    expect(created.status).toBe(200);
    const me = await codegen().ok<{ id: number }>('GET', '/v1/users/me');
    const list = `/v1/organizations/1/agent/runs?source_type=API&limit=10&user_id=${me.id}`;
    const page = await codegen().ok<{ items: CodegenRun[]; total: number; page: number }>('GET', list);
    expect(page.items.map(({ id }) => id)).toContain(created.body.id);
    for (const run of page.items) {
      expect(typeof run.status).toBe('string');
      expect(run.github_pull_requests).toEqual([]);
      expect(Number.isNaN(Date.parse(run.created_at))).toBe(false);
    }
    const [organization] = (
      await codegen().ok<{ items: { id: number; name: string }[] }>('GET', '/v1/organizations')
    ).items;
    expect(organization).toMatchObject({ id: 1, name: expect.any(String) as string });
    expect(await codegen().ok('GET', '/v1/organizations/1/repositories')).toMatchObject({ items: [] });
    expect(await codegen().ok('GET', '/v1/organizations/1/integrations')).toMatchObject({ integrations: [] });
  });

  // Too big to install in every test run: name one, as `FERMATA_TEST_CODEGEN_CLI=/path/to/codegen`.
  const cli = process.env['FERMATA_TEST_CODEGEN_CLI'];
  it.skipIf(cli === undefined)(
    'the CLI logs in by its key, creates a run, lists and shows runs',
    async () => {
      const home = await makeScratchFolder('codegen-cli');
      const env = {
        PATH: process.env['PATH'],
        HOME: home,
        NO_COLOR: '1',
        COLUMNS: '200',
        CODEGEN_API_BASE_URL: `${world().url}/codegen`,
        CODEGEN_ORG_ID: '1',
      };
      const run = async (program: string, ...args: string[]): Promise<string> => {
        const running = execute(program, args, { env, timeout: 60_000 });
        // It asks whether it may tell its vendor about itself.
        running.child.stdin?.end('n\n');
        return (await running).stdout;
      };
      const codegenCli = (...args: string[]): Promise<string> => run(cli ?? '', ...args);
      try {
        // What `codegen login --token` does before it opens its screen.
        const login = `from codegen.cli.auth.token_manager import TokenManager; TokenManager().authenticate_token(${JSON.stringify(world().api.key)})`;
        expect(await run(join(dirname(cli ?? ''), 'python'), '-c', login)).not.toContain('Warning');
        expect(await codegenCli('agent', '--prompt', 'from the CLI')).toMatch(/trace\/\d+/);
        expect(await codegenCli('agents', 'list')).toContain('agent/trace');
        expect(await codegenCli('integrations')).toMatch(/No integrations|0/i);
        const unknown = await codegenCli('agent', '--id', '999999').catch(
          (error: { stdout?: string }) => error.stdout,
        );
        expect(unknown).toMatch(/not found/i);
      } finally {
        await rm(home, { recursive: true, force: true });
      }
    },
    90_000,
  );
});
