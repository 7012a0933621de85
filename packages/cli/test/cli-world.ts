import type { Fetch } from '@fermata/sdk';
import type { Choice, Prompter } from '../src/answer/prompter.ts';
import type { CliContext } from '../src/context.ts';
import type { Environment } from '../src/env.ts';
import { runProgram } from '../src/program.ts';
import { createStyle } from '../src/render/style.ts';

export interface Sent {
  method: string;
  path: string;
  body: unknown;
  headers: Headers;
}

export interface CliResult {
  code: number;
  out: string;
  err: string;
  sent: Sent[];
  asked: string[];
  spawned: { args: readonly string[]; env: Environment }[];
}

export interface CliWorld {
  /** Replies by `METHOD /path` below `/native/v1`; a function may build one. */
  api?: Record<string, unknown>;
  /** Answers to questions, in order: texts, booleans, or labels of choices. */
  answers?: unknown[];
  env?: Environment;
  cwd?: string;
  root?: string;
  stdin?: string;
  isInteractive?: boolean;
  fetch?: Fetch;
}

/** A reply with another status, or one that is no JSON. */
export function reply(status: number, body: unknown, contentType = 'application/problem+json'): Response {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return new Response(text, { status, headers: { 'content-type': contentType, 'fermata-run-id': 'r1' } });
}

/** Runs one command line against an API that is a table. */
export async function fermata(args: readonly string[], world: CliWorld = {}): Promise<CliResult> {
  const result: CliResult = { code: -1, out: '', err: '', sent: [], asked: [], spawned: [] };
  const context: CliContext = {
    env: { FERMATA_API_KEY: 'secret', ...world.env },
    cwd: world.cwd ?? '/nowhere',
    root: world.root ?? '/nowhere',
    terminal: {
      out: (text) => (result.out += text),
      err: (text) => (result.err += text),
      isInteractive: world.isInteractive ?? true,
      columns: 100,
      style: createStyle(false),
    },
    prompter: scriptedPrompter(world.answers ?? [], result.asked),
    signal: new AbortController().signal,
    readStdin: () => Promise.resolve(world.stdin ?? ''),
    spawn: (_file, spawnedArgs, env) => {
      result.spawned.push({ args: spawnedArgs, env });
      return Promise.resolve(0);
    },
    fetch: world.fetch ?? tableFetch(world.api ?? {}, result.sent),
  };
  result.code = await runProgram(args, context);
  return result;
}

function tableFetch(api: Record<string, unknown>, sent: Sent[]): Fetch {
  return (url, init) => {
    const { pathname, search } = new URL(url);
    const path = pathname.replace('/native/v1', '') + search;
    const body: unknown = typeof init.body === 'string' ? JSON.parse(init.body) : undefined;
    sent.push({ method: init.method ?? '', path, body, headers: new Headers(init.headers) });
    const found = api[`${init.method} ${path}`];
    if (found instanceof Response) return Promise.resolve(found.clone());
    if (found !== undefined) return Promise.resolve(reply(200, found, 'application/json'));
    return Promise.resolve(reply(404, { code: 'not_found', detail: `There is no ${path}.`, status: 404 }));
  };
}

function scriptedPrompter(answers: unknown[], asked: string[]): Prompter {
  const rest = [...answers];
  const next = (message: string): unknown => {
    asked.push(message);
    if (rest.length === 0) throw new Error(`nobody expected to be asked "${message}"`);
    return rest.shift();
  };
  const choose = <T>(message: string, choices: readonly Choice<T>[], label: unknown): T => {
    const choice = choices.find((one) => one.label === label);
    if (choice === undefined) throw new Error(`"${message}" has no choice ${String(label)}`);
    return choice.value;
  };
  return {
    confirm: (message) => Promise.resolve(next(message) === true),
    text: (message, options) => {
      const typed = String(next(message));
      const fault = options?.validate?.(typed);
      return fault === undefined ? Promise.resolve(typed) : Promise.reject(new Error(`${message}: ${fault}`));
    },
    select: (message, choices) => Promise.resolve(choose(message, choices, next(message))),
    selectSome: (message, choices) => {
      const labels = next(message);
      return Promise.resolve(
        Array.isArray(labels) ? labels.map((label) => choose(message, choices, label)) : [],
      );
    },
  };
}
