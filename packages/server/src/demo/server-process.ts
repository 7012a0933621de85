import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { DemoError } from './demo-error.ts';

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;
const POLL_MS = 50;

export interface ServerProcessOptions {
  /** packages/server/dist/main.js. */
  program: string;
  url: string;
  env: Readonly<Record<string, string | undefined>>;
}

/** One process of the server, from its start to its end. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #url: string;
  #output = '';

  private constructor(options: ServerProcessOptions) {
    this.#url = options.url;
    this.#child = spawn(process.execPath, ['--enable-source-maps', options.program], {
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString('utf8')).slice(-20_000);
      });
    }
  }

  /** Starts the server and waits until it is ready. Throws `DemoError` with its output when it does not get there. */
  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    const server = new ServerProcess(options);
    try {
      await server.#ready();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** `kill -9`, and the proof: the process is gone and its port refuses. */
  async kill(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
    if (this.#child.signalCode !== 'SIGKILL')
      throw new DemoError('the server ended before it could be killed');
    if (isAlive(this.pid)) throw new DemoError(`process ${this.pid} is still there after SIGKILL`);
    if (await answers(this.#url)) throw new DemoError(`${this.#url} still answers after SIGKILL`);
  }

  /** Asks the server to end, so that its database ends too; kills it only when it does not. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const force = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await ended;
    clearTimeout(force);
  }

  async #ready(): Promise<void> {
    const until = Date.now() + START_LIMIT_MS;
    while (this.isRunning && Date.now() < until) {
      if (await answers(`${this.#url}/readyz`)) return;
      await wait(POLL_MS);
    }
    const what = this.isRunning ? `is not ready after ${START_LIMIT_MS / 1000} s` : 'ended at its start';
    throw new DemoError(`the server ${what}; it said:\n${this.#output.trimEnd()}`);
  }
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
