import { Worker } from 'node:worker_threads';

/** Memory of one script beside the interpreter's own, bytes. */
export const SCRIPT_MEMORY_BYTES = 64 * 1024 * 1024;
const SCRIPT_STACK_BYTES = 256 * 1024;
/** Threads of one process, each started when all others are busy. */
const MAX_WORKERS = 4;
/** What a script may overstay its time before its thread is ended: native loops do not look at the clock. */
const GRACE_MS = 250;
const START_TIMEOUT_MS = 20_000;
const IDLE_MS = 30_000;

/** One thing to run; see sandbox-worker.mjs. */
export type SandboxJob = { timeoutMs: number } & (
  | { compileOnly: true; programs: readonly (readonly string[])[] }
  | { source: string; variables: string; truth: boolean; maxResultBytes: number }
);

/** The JSON text of a result, or why there is none. */
export type SandboxReply = { json: string } | { code: string; message: string };

interface Pending {
  job: SandboxJob;
  settle(reply: SandboxReply): void;
}

interface Thread {
  worker: Worker;
  isReady: boolean;
  current: Pending | null;
  timer: NodeJS.Timeout | undefined;
}

const threads = new Set<Thread>();
const queue: Pending[] = [];

/** Runs a job on a thread of its own. Never rejects; an abort ends the thread and gives the code `aborted`. */
export function runInSandbox(job: SandboxJob, signal?: AbortSignal): Promise<SandboxReply> {
  return new Promise((resolve) => {
    const pending: Pending = {
      job,
      settle(reply) {
        signal?.removeEventListener('abort', abort);
        resolve(reply);
      },
    };
    function abort(): void {
      const place = queue.indexOf(pending);
      if (place !== -1) queue.splice(place, 1);
      for (const thread of threads) if (thread.current === pending) end(thread);
      pending.settle({ code: 'aborted', message: 'the script was aborted' });
    }
    if (signal?.aborted === true) return abort();
    signal?.addEventListener('abort', abort, { once: true });
    queue.push(pending);
    dispatch();
  });
}

function dispatch(): void {
  while (queue.length > 0) {
    const thread = [...threads].find(({ current }) => current === null) ?? startThread();
    if (thread === null) return;
    const next = queue.shift();
    if (next !== undefined) assign(thread, next);
  }
}

/** A new thread, or null when there are enough. */
function startThread(): Thread | null {
  if (threads.size >= MAX_WORKERS) return null;
  const worker = new Worker(new URL('./sandbox-worker.mjs', import.meta.url), {
    name: 'fermata-sandbox',
    env: {},
    execArgv: [],
    stdout: true,
    stderr: true,
    workerData: { memoryBytes: SCRIPT_MEMORY_BYTES, stackBytes: SCRIPT_STACK_BYTES },
    resourceLimits: { maxOldGenerationSizeMb: 128, stackSizeMb: 16 },
  });
  const thread: Thread = { worker, isReady: false, current: null, timer: undefined };
  threads.add(thread);
  worker.on('message', (message: unknown) => hear(thread, message));
  // Whatever ends a thread ends its script alone; a reply that is there was heard before.
  worker.on('error', () => lose(thread, 'the sandbox ended'));
  worker.on('exit', () => lose(thread, 'the sandbox ended'));
  return thread;
}

function assign(thread: Thread, next: Pending): void {
  thread.current = next;
  thread.worker.ref();
  if (thread.isReady) post(thread, next);
  else setTimer(thread, START_TIMEOUT_MS, () => lose(thread, 'the sandbox did not start'));
}

function post(thread: Thread, { job }: Pending): void {
  setTimer(thread, job.timeoutMs + GRACE_MS, () => {
    // After a stall of this process its reply may be there, unread.
    setImmediate(() => {
      if (thread.current?.job !== job) return;
      const { current } = thread;
      end(thread);
      current.settle({ code: 'script_timeout', message: '' });
    });
  });
  thread.worker.postMessage(job);
}

function hear(thread: Thread, message: unknown): void {
  const { current } = thread;
  if (message === 'ready') {
    thread.isReady = true;
    if (current !== null) post(thread, current);
    return;
  }
  if (current === null) return;
  // Written by our own worker, which the script cannot reach.
  const reply = message as SandboxReply & { spent: boolean };
  thread.current = null;
  if (reply.spent) end(thread);
  else rest(thread);
  current.settle(reply);
  dispatch();
}

/** An idle thread keeps no process alive, and ends after a while. */
function rest(thread: Thread): void {
  thread.worker.unref();
  setTimer(thread, IDLE_MS, () => end(thread));
  thread.timer?.unref();
}

function lose(thread: Thread, message: string): void {
  if (!threads.has(thread)) return;
  const { current } = thread;
  end(thread);
  current?.settle({ code: 'script_failed', message });
}

function end(thread: Thread): void {
  clearTimeout(thread.timer);
  threads.delete(thread);
  thread.current = null;
  void thread.worker.terminate();
  dispatch();
}

function setTimer(thread: Thread, delayMs: number, act: () => void): void {
  clearTimeout(thread.timer);
  thread.timer = setTimeout(act, delayMs);
}
