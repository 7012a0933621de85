import type { World } from '../../world/server.ts';
import { runIdIn } from '../../../packages/server/src/dialects/shannon/task-id.ts';

export interface ShannonReply<T = Record<string, unknown>> {
  status: number;
  headers: Headers;
  text: string;
  body: T;
}

export interface ShannonFrame {
  id: string | null;
  event: string;
  /** Parsed, or the text where it is no JSON (`[DONE]`). */
  data: unknown;
}

export interface ShannonOptions {
  body?: unknown;
  raw?: string;
  headers?: Record<string, string>;
  key?: string | null;
}

/** Shannon's API over plain fetch, as its clients call it: every body and status as it is. */
export class ShannonClient {
  readonly base: string;
  readonly key: string;

  constructor(base: string, key: string) {
    this.base = base;
    this.key = key;
  }

  static of(world: World, key = world.api.key): ShannonClient {
    return new ShannonClient(`${world.url}/shannon`, key);
  }

  async request<T = Record<string, unknown>>(
    method: string,
    path: string,
    { body, raw, headers, key = this.key }: ShannonOptions = {},
  ): Promise<ShannonReply<T>> {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(this.base + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(key === null ? {} : { 'x-api-key': key }),
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(payload === undefined ? {} : { body: payload }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type') === 'application/json';
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson ? JSON.parse(text) : text) as T,
    };
  }

  async ok<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await this.request<T>(method, path, body === undefined ? {} : { body });
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
    return reply.body;
  }

  /** Submits a task and resolves to its id. */
  async submit(body: Record<string, unknown>): Promise<string> {
    return (await this.ok<{ task_id: string }>('POST', '/api/v1/tasks', body)).task_id;
  }

  control(taskId: string, verb: string, body?: unknown): Promise<ShannonReply> {
    return this.request('POST', `/api/v1/tasks/${taskId}/${verb}`, body === undefined ? {} : { body });
  }

  /** The frames of a task's stream, until it closes or the reader has enough. Comments come as `event: ':'`. */
  async *stream(
    taskId: string,
    query: Record<string, string> = {},
    headers: Record<string, string> = {},
  ): AsyncGenerator<ShannonFrame, void, undefined> {
    const search = new URLSearchParams({ workflow_id: taskId, ...query });
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new Error('the stream goes on for too long')), 25_000);
    try {
      const response = await fetch(`${this.base}/api/v1/stream/sse?${search.toString()}`, {
        headers: { 'x-api-key': this.key, accept: 'text/event-stream', ...headers },
        signal: controller.signal,
      });
      if (!response.ok || response.body === null)
        throw new Error(`stream: ${response.status} ${await response.text()}`);
      const decoder = new TextDecoder();
      let rest = '';
      for await (const chunk of response.body) {
        rest += decoder.decode(chunk as Uint8Array, { stream: true });
        const blocks = rest.split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) yield parseFrame(block);
      }
    } finally {
      clearTimeout(timer);
      controller.abort();
    }
  }

  /** All frames until the stream closes, without comments. */
  async frames(
    taskId: string,
    query: Record<string, string> = {},
    headers: Record<string, string> = {},
  ): Promise<ShannonFrame[]> {
    const frames: ShannonFrame[] = [];
    for await (const frame of this.stream(taskId, query, headers))
      if (frame.event !== ':') frames.push(frame);
    return frames;
  }

  /** Reads until a frame of this name has come. */
  async until(taskId: string, event: string, query: Record<string, string> = {}): Promise<ShannonFrame[]> {
    const frames: ShannonFrame[] = [];
    for await (const frame of this.stream(taskId, query)) {
      frames.push(frame);
      if (frame.event === event) return frames;
    }
    throw new Error(`no ${event} among ${frames.map((frame) => frame.event).join(' ')}`);
  }
}

function parseFrame(block: string): ShannonFrame {
  if (block.startsWith(':')) return { id: null, event: ':', data: block.slice(1).trim() };
  const lines = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const data = lines.get('data') ?? '';
  return {
    id: lines.get('id') ?? null,
    event: lines.get('event') ?? 'message',
    data: data.startsWith('{') ? JSON.parse(data) : data,
  };
}

/** The run of a task. */
export function runOf(taskId: string): string {
  const runId = runIdIn(taskId);
  if (runId === null) throw new Error(`${taskId} is no task id`);
  return runId;
}

/** Names of frames, each once for a row of the same. */
export function names(frames: readonly ShannonFrame[]): string[] {
  return frames.map((frame) => frame.event).filter((name, index, all) => name !== all[index - 1]);
}
