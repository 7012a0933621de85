// JavaScript of flows: expressions and transform scripts. It runs in QuickJS, on a thread of its own, without any
// function of ours, without network, files, modules or timers; what it can do is take time and memory, and both end.
// `Date` and `Math.random` are there, so a script is not a pure function: its committed result is what counts.
import { storable, type Json, type JsonObject, type RunError } from '@fermata/protocol';
import { runInSandbox, SCRIPT_MEMORY_BYTES, type SandboxReply } from './sandbox-pool.ts';

/** Codes: `script_failed`, `script_timeout`, `script_memory`, and `aborted` for an aborted signal. */
export type FlowResult = { ok: true; value: Json } | { ok: false; error: RunError };

export interface ScriptOptions {
  /** Default 1,000 for expressions, 5,000 for scripts. */
  timeoutMs?: number | undefined;
  /** Largest result, characters of its JSON. Default 4 MiB. */
  maxResultBytes?: number | undefined;
  signal?: AbortSignal | undefined;
}

const EXPRESSION_TIMEOUT_MS = 1_000;
const SCRIPT_TIMEOUT_MS = 5_000;
const CHECK_TIMEOUT_MS = 5_000;
const MAX_RESULT_BYTES = 4 * 1024 * 1024;

/**
 * The value of an expression. Variables are its names and the members of `input` (those that are no identifiers, and
 * one called `input`, are only the latter). What JSON has no word for is null. Never rejects.
 */
export function evaluateExpression(
  expression: string,
  variables: JsonObject,
  options: ScriptOptions = {},
): Promise<FlowResult> {
  return run(asExpression(expression), variables, false, EXPRESSION_TIMEOUT_MS, options);
}

/** Whether an expression is truthy, as JavaScript has it: true or false. Never rejects. */
export function evaluateCondition(
  expression: string,
  variables: JsonObject,
  options: ScriptOptions = {},
): Promise<FlowResult> {
  return run(asExpression(expression), variables, true, EXPRESSION_TIMEOUT_MS, options);
}

/** What the body of a function returns; it may `await` what it makes itself. Variables as in expressions. Never rejects. */
export function runScript(
  script: string,
  variables: JsonObject,
  options: ScriptOptions = {},
): Promise<FlowResult> {
  return run(asScript(script), variables, false, SCRIPT_TIMEOUT_MS, options);
}

/** JavaScript of a flow that is not run yet. */
export interface SourceText {
  kind: 'expression' | 'script';
  text: string;
}

/** Why a text does not parse as what it is, or null, for each of them. Runs nothing. Never rejects. */
export async function syntaxFaults(sources: readonly SourceText[]): Promise<(string | null)[]> {
  const programs = sources.map(({ kind, text }) => PROGRAMS[kind](text));
  const reply = await runInSandbox({ compileOnly: true, programs, timeoutMs: CHECK_TIMEOUT_MS });
  if ('json' in reply) return JSON.parse(reply.json) as (string | null)[];
  // One that breaks the parser itself hides what the others are.
  if (sources.length === 1) return [failed(reply, CHECK_TIMEOUT_MS).error.message];
  const each = await Promise.all(sources.map((source) => syntaxFaults([source])));
  return each.flat();
}

/** What must parse, in two forms: what closes the brackets of the one does not parse in the other. */
const PROGRAMS: Record<SourceText['kind'], (text: string) => readonly string[]> = {
  expression: (text) => [asExpression(text), `async () => [\n${text}\n]`],
  script: (text) => [asScript(text), `async function script() {\n${text}\n}`],
};

function asExpression(expression: string): string {
  return `(async () => (\n${expression}\n))()`;
}

function asScript(script: string): string {
  return `(async () => {\n${script}\n})()`;
}

async function run(
  source: string,
  variables: JsonObject,
  truth: boolean,
  defaultTimeoutMs: number,
  { timeoutMs = defaultTimeoutMs, maxResultBytes = MAX_RESULT_BYTES, signal }: ScriptOptions,
): Promise<FlowResult> {
  const job = { source, variables: JSON.stringify(variables), truth, timeoutMs, maxResultBytes };
  const reply = await runInSandbox(job, signal);
  if (!('json' in reply)) return failed(reply, timeoutMs);
  const value = storable(JSON.parse(reply.json));
  if (!value.ok)
    return { ok: false, error: { code: 'script_failed', message: `the result is ${value.message}` } };
  return { ok: true, value: value.value };
}

function failed(
  { code, message }: Exclude<SandboxReply, { json: string }>,
  timeoutMs: number,
): Extract<FlowResult, { ok: false }> {
  return { ok: false, error: { code, message: messageOf(code, message, timeoutMs) } };
}

function messageOf(code: string, message: string, timeoutMs: number): string {
  if (code === 'script_timeout') return `the script took longer than ${timeoutMs} ms`;
  if (code !== 'script_memory') return message;
  return `the script needs more than ${SCRIPT_MEMORY_BYTES / 1024 / 1024} MiB of memory`;
}
