import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';

export const API_KEY = 'fermata_bench_key_0123456789abcdef';

/** A server process as users run it. */
export interface BenchServer {
  url: string;
  process: ChildProcess;
  /** From spawn to serving, seconds. */
  bootSeconds: number;
  residentMb(): Promise<number>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts `dist/main.js` on a database by URL, and waits until it is ready. */
export async function startServerProcess(
  databaseUrl: string,
  env: Record<string, string> = {},
): Promise<BenchServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fermata-bench-server-'));
  const started = performance.now();
  // FERMATA_BENCH_PROF=<folder>: CPU profiles of the servers, for finding out why a figure is what it is.
  const profile = process.env['FERMATA_BENCH_PROF'];
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const child = spawn(process.execPath, [...flags, 'packages/server/dist/main.js'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      FERMATA_DATA_DIR: dataDir,
      FERMATA_API_KEY: API_KEY,
      FERMATA_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
      FERMATA_LOG_LEVEL: 'error',
      PORT: '0',
      ...env,
    },
  });
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = /serves (http:\S+)/.exec(text);
      if (found?.[1] !== undefined) resolve(found[1]);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${String(code)}: ${text}`)));
  });
  return {
    url,
    process: child,
    bootSeconds: (performance.now() - started) / 1000,
    async residentMb() {
      const status = await readFile(`/proc/${String(child.pid)}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
    },
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
    },
  };
}

export async function call(
  server: BenchServer,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const reply = await fetch(server.url + path, {
    method,
    headers: {
      authorization: `Bearer ${API_KEY}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
}

/** Polls until the check holds; for the bench's own bookkeeping, never inside a measured time. */
export async function until(check: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() > end) throw new Error('it did not come about in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Reads the stream of a run until an event of the type comes; resolves with `performance.now()` of its arrival. */
export async function readEvents(server: BenchServer, runId: string, type: string): Promise<number> {
  let text = '';
  return readStream(server.url, runId, (chunk) => {
    text += chunk.toString();
    return text.includes(`event: ${type}\n`);
  });
}

/** Reads the event stream of a run from its beginning until `isLast`; resolves with `performance.now()` then. */
export async function readStream(
  url: string,
  runId: string,
  isLast: (chunk: Buffer) => boolean,
): Promise<number> {
  const abort = new AbortController();
  const reply = await fetch(`${url}/v1/runs/${runId}/events`, {
    headers: { authorization: `Bearer ${API_KEY}`, accept: 'text/event-stream' },
    signal: abort.signal,
  });
  const reader = reply.body?.getReader();
  for (;;) {
    const next = await reader?.read();
    if (next?.value === undefined) throw new Error(`the stream of ${runId} ended too early`);
    if (!isLast(Buffer.from(next.value))) continue;
    const at = performance.now();
    await reader?.cancel().catch(() => {});
    abort.abort();
    return at;
  }
}
