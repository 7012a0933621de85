import { z } from 'zod';
import type { World } from '../../world/server.ts';

export interface Reply<T = Record<string, unknown>> {
  status: number;
  headers: Headers;
  text: string;
  body: T;
}

export interface CodegenRun {
  id: number;
  organization_id: number;
  status: string;
  created_at: string;
  web_url: string;
  result: string | null;
  summary: string | null;
  source_type: string;
  github_pull_requests: unknown[];
  metadata: Record<string, unknown>;
  repo_id: number | null;
  agent_type: string | null;
}

export interface LogEntry {
  agent_run_id: number;
  created_at: string;
  tool_name: string | null;
  message_type: string;
  thought: string | null;
  observation: unknown;
  tool_input: Record<string, unknown> | null;
  tool_output: Record<string, unknown> | null;
}

export interface RequestOptions {
  body?: unknown;
  raw?: string | Uint8Array;
  headers?: Record<string, string>;
  key?: string | null;
}

const errorSchema = z.strictObject({ message: z.string(), status_code: z.number(), detail: z.string() });
const faultsSchema = z.strictObject({
  detail: z
    .array(
      z.strictObject({
        loc: z.array(z.union([z.string(), z.number()])),
        msg: z.string(),
        type: z.string(),
      }),
    )
    .min(1),
});
/** What no client may ever see. */
const INTERNALS = /\bat \S+ \(|node_modules|node:internal|\.ts:\d|postgres(?:ql)?:\/\/|select .+ from /i;

/** The Codegen face over plain HTTP. The form of every error is checked. */
export class CodegenClient {
  readonly base: string;
  readonly key: string;

  constructor(base: string, key: string) {
    this.base = base;
    this.key = key;
  }

  async request<T = Record<string, unknown>>(
    method: string,
    path: string,
    { body, raw, headers, key = this.key }: RequestOptions = {},
  ): Promise<Reply<T>> {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(this.base + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(payload === undefined ? {} : { body: payload }),
    });
    const text = await response.text();
    const { status } = response;
    const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json');
    const reply = { status, headers: response.headers, text, body: (isJson ? JSON.parse(text) : text) as T };
    if (status >= 400) checkError(`${method} ${path}`, reply);
    else if (status > 200 && status < 300 && method !== 'OPTIONS') throw new Error(`${path}: ${status}`);
    return reply;
  }

  /** The body of a 200. */
  async ok<T = CodegenRun>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await this.request<T>(method, path, { body });
    if (reply.status !== 200) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
    return reply.body;
  }

  create(body: Record<string, unknown>): Promise<CodegenRun> {
    return this.ok('POST', '/v1/organizations/1/agent/run', body);
  }
  get(id: number | string): Promise<CodegenRun> {
    return this.ok('GET', `/v1/organizations/1/agent/run/${id}`);
  }
  resume(id: number | string, prompt: string, more: Record<string, unknown> = {}): Promise<CodegenRun> {
    return this.ok('POST', '/v1/organizations/1/agent/run/resume', { agent_run_id: id, prompt, ...more });
  }
  logs(id: number | string, query = ''): Promise<{ logs: LogEntry[]; total_logs: number; pages: number }> {
    return this.ok('GET', `/v1/alpha/organizations/1/agent/run/${id}/logs${query}`);
  }
}

function checkError(what: string, { status, body, text }: Reply<unknown>): void {
  const schema = status === 422 ? faultsSchema : errorSchema;
  const checked = schema.safeParse(body);
  if (!checked.success) throw new Error(`${what} answered ${status} in another form: ${text}`);
  if ('status_code' in checked.data) {
    const { message, status_code: code, detail } = checked.data;
    if (code !== status || message !== detail) throw new Error(`${what}: ${text}`);
  }
  if (INTERNALS.test(text)) throw new Error(`${what} shows the inside: ${text}`);
  if (status === 500) throw new Error(`${what}: 500`);
}

/** The clients of a world by the keys of their roles. */
export function codegenOf(
  world: World,
  who: 'api' | 'developer' | 'operator' | 'viewer' | 'stranger' = 'api',
): CodegenClient {
  return new CodegenClient(`${world.url}/codegen`, world[who].key);
}

/** A PNG of one pixel. */
export const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
