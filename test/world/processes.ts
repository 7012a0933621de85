import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { makeScratchFolder } from './scratch-folder.ts';
import { eventually } from './eventually.ts';
import { createNativeClient, type NativeClient } from './native-client.ts';

/** The program as `npm run build` makes it; another one for a test run that must not be disturbed by builds. */
const PROGRAM =
  process.env['FERMATA_TEST_PROGRAM'] ??
  fileURLToPath(new URL('../../packages/server/dist/main.js', import.meta.url));
export const API_KEY = 'fermata_test_admin_key';
const SECRET_KEY = Buffer.alloc(32, 7).toString('base64');
const START_LIMIT_MS = 90_000;

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A server as a process of its own, on a free port. Disposing kills it. */
export class ServerProcess implements AsyncDisposable {
  /** How the process has ended. */
  readonly exit: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #dataDir: string;
  #output = '';
  #client: NativeClient | null = null;

  private constructor(env: Readonly<Record<string, string>>, dataDir: string) {
    this.#dataDir = dataDir;
    this.#child = spawn(process.execPath, [PROGRAM], {
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        NODE_ENV: 'test',
        PORT: '0',
        FERMATA_DATA_DIR: dataDir,
        FERMATA_API_KEY: API_KEY,
        FERMATA_SECRET_KEY: SECRET_KEY,
        FERMATA_ALLOW_PRIVATE_ADDRESSES: '127.0.0.1',
        FERMATA_LOG_LEVEL: 'info',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.exit = once(this.#child, 'exit').then(([code, signal]) => ({ code, signal }) as Exit);
  }

  /** Does not wait until it is ready: it may be meant to die on the way. */
  static async spawn(env: Readonly<Record<string, string>>): Promise<ServerProcess> {
    return new ServerProcess(env, env['FERMATA_DATA_DIR'] ?? (await makeScratchFolder('server')));
  }

  /** Starts a server and waits until it is ready. */
  static async start(env: Readonly<Record<string, string>>): Promise<ServerProcess> {
    const server = await ServerProcess.spawn(env);
    try {
      await server.ready();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** All that it has written: for the message of a failed test. */
  get output(): string {
    return this.#output;
  }

  /** Its lines of the log, without what it says to people. */
  get log(): { level: number; msg: string; [field: string]: unknown }[] {
    return this.#output
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as { level: number; msg: string });
  }

  get url(): string {
    const url = /serves (http:\/\/\S+)/.exec(this.#output)?.[1];
    if (url === undefined) throw new Error(`the server does not serve; it said:\n${this.#output}`);
    return url;
  }

  get api(): NativeClient {
    return (this.#client ??= createNativeClient(this.url, API_KEY));
  }

  async ready(): Promise<void> {
    await eventually(
      async () => {
        if (!this.isRunning) return true;
        return (await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(5_000) })).ok;
      },
      { timeoutMs: START_LIMIT_MS, what: `the server is ready (${this.#output})` },
    );
    if (!this.isRunning) throw new Error(`the server ended at its start; it said:\n${this.#output}`);
  }

  /** `kill -9`. Resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exit;
  }

  /** Asks it to end in order. */
  stop(): Promise<Exit> {
    this.#child.kill('SIGTERM');
    return this.exit;
  }

  /** The process stands still, with all that it holds, until `thaw`. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) await this.kill();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}
