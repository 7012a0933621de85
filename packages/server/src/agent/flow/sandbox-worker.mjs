// The thread that runs the JavaScript of flows, in QuickJS compiled to WebAssembly. Plain JavaScript, because Node
// loads it as it is, from the sources and from the bundle alike. Each job gets a runtime and a context of its own.
import { parentPort, workerData } from 'node:worker_threads';
import { newQuickJSWASMModuleFromVariant, newVariant, RELEASE_SYNC } from 'quickjs-emscripten';

const PAGE = 65_536;
/** What the interpreter itself takes before it runs anything. */
const BASE_PAGES = 256;
/** A thread that has grown beyond this is not kept: WebAssembly memory never shrinks. */
const KEEP_BYTES = 48 * 1024 * 1024;
const MAX_MESSAGE = 1_000;
const FILE = 'script';

/** Runs first in every context and keeps what the script may overwrite. */
const PRELUDE = `(() => {
  const { stringify, parse } = JSON;
  const { defineProperty, keys } = Object;
  const text = String;
  const identifier = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
  const fixed = ['input', 'undefined', 'NaN', 'Infinity', 'globalThis', '__proto__'];
  const define = (name, value) =>
    defineProperty(globalThis, name, { value, writable: true, enumerable: true, configurable: true });
  return {
    prepare(json) {
      const variables = parse(json);
      for (const name of keys(variables)) {
        if (identifier.test(name) && !fixed.includes(name)) define(name, variables[name]);
      }
      define('input', variables);
    },
    json: (value) => stringify(value),
    truth: (value) => (value ? 'true' : 'false'),
    describe(error) {
      try {
        if (typeof error === 'string') return error;
        if (typeof error !== 'object' || error === null) return text(error);
        const { name, message } = error;
        if (message === undefined) return stringify(error);
        return name === undefined ? text(message) : text(name) + ': ' + text(message);
      } catch {
        return 'it threw a value that cannot be shown';
      }
    },
    line(error) {
      try {
        return error.stack;
      } catch {
        return '';
      }
    },
  };
})()`;

const memory = new WebAssembly.Memory({
  initial: BASE_PAGES,
  maximum: BASE_PAGES + Math.ceil(workerData.memoryBytes / PAGE),
});
const quickjs = await newQuickJSWASMModuleFromVariant(
  newVariant(RELEASE_SYNC, {
    // QuickJS's own limit does not count what its allocations take here, so the memory itself ends.
    wasmMemory: memory,
    emscriptenModule: { print: () => {}, printErr: () => {} },
  }),
);

parentPort.on('message', (job) => parentPort.postMessage(runJob(job)));
parentPort.postMessage('ready');

/** `{json}` or `{code, message}`; `spent` means that this thread must not be used again. */
function runJob(job) {
  let reply;
  let isBroken = false;
  const deadline = Date.now() + job.timeoutMs;
  const run = { deadline, isLate: false };
  try {
    const runtime = quickjs.newRuntime();
    runtime.setMemoryLimit(workerData.memoryBytes);
    runtime.setMaxStackSize(workerData.stackBytes);
    runtime.setInterruptHandler(() => (run.isLate ||= Date.now() > deadline));
    const context = runtime.newContext();
    reply = job.compileOnly ? compile(context, job) : evaluate(runtime, context, job, run);
    context.dispose();
    runtime.dispose();
  } catch (error) {
    // The interpreter is in an unknown state now: WebAssembly's own stack ran out, or an assertion of it failed.
    isBroken = true;
    reply ??= failure(error instanceof RangeError ? 'it is nested too deeply' : 'the interpreter gave up');
  }
  if (run.isLate && reply.json === undefined) reply = { code: 'script_timeout', message: '' };
  return { ...reply, spent: isBroken || memory.buffer.byteLength > KEEP_BYTES };
}

/** Why each program does not parse, or null; it must in each of its forms. */
function compile(context, job) {
  const faults = job.programs.map((forms) => {
    for (const form of forms) {
      const result = context.evalCode(form, FILE, { compileOnly: true });
      if (result.error !== undefined) return thrown(context, null, result.error).message;
      result.value.dispose();
    }
    return null;
  });
  return { json: JSON.stringify(faults) };
}

function evaluate(runtime, context, job, run) {
  const prelude = context.unwrapResult(context.evalCode(PRELUDE, 'prelude'));
  const prepared = call(context, prelude, 'prepare', context.newString(job.variables));
  if (prepared.error !== undefined) return thrown(context, prelude, prepared.error);
  prepared.value.dispose();
  const started = context.evalCode(job.source, FILE, { strict: false });
  let reply;
  if (started.error !== undefined) reply = thrown(context, prelude, started.error);
  else reply = settled(runtime, context, prelude, started.value, job, run);
  prelude.dispose();
  return reply;
}

/** Carries out the jobs of promises until the script's own is settled, or nothing is left that could settle it. */
function settled(runtime, context, prelude, promise, job, run) {
  let state = context.getPromiseState(promise);
  while (state.type === 'pending' && runtime.hasPendingJob()) {
    const jobs = runtime.executePendingJobs(1);
    jobs.dispose();
    if (Date.now() > run.deadline) run.isLate = true;
    if (run.isLate) break;
    state = context.getPromiseState(promise);
  }
  promise.dispose();
  if (state.type === 'pending') return failure('it waits for a promise that nothing settles');
  if (state.type === 'rejected') return thrown(context, prelude, state.error);
  const result = call(context, prelude, job.truth ? 'truth' : 'json', state.value);
  if (result.error !== undefined) return thrown(context, prelude, result.error);
  if (context.typeof(result.value) !== 'string') {
    result.value.dispose();
    return { json: 'null' };
  }
  // Measured inside, so that a huge one is never copied out.
  const length = context.getProp(result.value, 'length').consume((handle) => context.getNumber(handle));
  if (length > job.maxResultBytes) {
    result.value.dispose();
    return failure('its result is too large');
  }
  return { json: result.value.consume((handle) => context.getString(handle)) };
}

function call(context, prelude, name, argument) {
  const method = context.getProp(prelude, name);
  const result = context.callFunction(method, context.undefined, argument);
  method.dispose();
  argument.dispose();
  return result;
}

/** What a script threw, in words. Consumes the error. */
function thrown(context, prelude, error) {
  if (prelude === null) {
    const { name, message, stack } = context.dump(error) ?? {};
    error.dispose();
    return failure(withLine(`${name}: ${message}`, stack));
  }
  const place = call(context, prelude, 'line', error.dup());
  const stack = place.error === undefined ? context.dump(place.value) : '';
  place.dispose();
  const description = call(context, prelude, 'describe', error);
  const text = description.error === undefined ? context.dump(description.value) : 'it failed';
  description.dispose();
  return failure(withLine(String(text), stack));
}

/** The line of the script itself, whose first line is the second of what is evaluated. */
function withLine(message, stack) {
  const line = typeof stack === 'string' ? Number(/\(?script:(\d+)/.exec(stack)?.[1]) - 1 : NaN;
  return line > 0 ? `${message.slice(0, MAX_MESSAGE)} (line ${line})` : message;
}

function failure(message) {
  const isMemory = /^(InternalError: )?(out of memory|string too long)/.test(message);
  return { code: isMemory ? 'script_memory' : 'script_failed', message: message.slice(0, MAX_MESSAGE) };
}
