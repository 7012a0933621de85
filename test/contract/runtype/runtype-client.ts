import type { World } from '../../world/server.ts';

export interface RuntypeReply<T = Record<string, unknown>> {
  status: number;
  headers: Headers;
  text: string;
  body: T;
}

/** A frame of the unified stream. `data` has `type`, `executionId` and `seq` beside its own members. */
export interface RuntypeFrame {
  id: string | null;
  event: string;
  data: Record<string, unknown>;
}

export interface RuntypeOptions {
  body?: unknown;
  raw?: string;
  headers?: Record<string, string>;
  key?: string | null;
}

/** Runtype's API over plain fetch, as its clients call it: every body and status as it is. */
export class RuntypeClient {
  readonly base: string;
  readonly key: string;

  constructor(base: string, key: string) {
    this.base = base;
    this.key = key;
  }

  static of(world: World, key = world.api.key): RuntypeClient {
    return new RuntypeClient(`${world.url}/runtype`, key);
  }

  fetch(method: string, path: string, options: RuntypeOptions = {}, signal?: AbortSignal): Promise<Response> {
    const { body, raw, headers, key = this.key } = options;
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    return fetch(this.base + path, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(payload === undefined ? {} : { body: payload }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async request<T = Record<string, unknown>>(
    method: string,
    path: string,
    options: RuntypeOptions = {},
  ): Promise<RuntypeReply<T>> {
    const response = await this.fetch(method, path, options);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson ? JSON.parse(text) : text) as T,
    };
  }

  /** Frames of a streamed answer as they come, pings and comments left out. */
  async *stream(
    method: string,
    path: string,
    options: RuntypeOptions = {},
  ): AsyncGenerator<RuntypeFrame, void, undefined> {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new Error('the stream goes on for too long')), 25_000);
    try {
      const response = await this.fetch(method, path, options, controller.signal);
      if (!response.ok || response.body === null) {
        throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
      }
      const decoder = new TextDecoder();
      let rest = '';
      for await (const chunk of response.body) {
        rest += decoder.decode(chunk as Uint8Array, { stream: true });
        const blocks = rest.split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) {
          if (block.includes('\r')) throw new Error('a frame has a carriage return');
          const frame = block.startsWith(':') ? null : parseFrame(block);
          if (frame !== null && frame.event !== 'ping') yield frame;
        }
      }
    } finally {
      clearTimeout(timer);
      controller.abort();
    }
  }

  /** All frames of a streamed answer until it closes. */
  async frames(method: string, path: string, options: RuntypeOptions = {}): Promise<RuntypeFrame[]> {
    const frames: RuntypeFrame[] = [];
    for await (const frame of this.stream(method, path, options)) frames.push(frame);
    return frames;
  }

  /** Starts a run and reads its stream until it closes. */
  dispatch(body: Record<string, unknown>): Promise<RuntypeFrame[]> {
    return this.frames('POST', '/v1/dispatch', { body });
  }

  resume(body: Record<string, unknown>): Promise<RuntypeFrame[]> {
    return this.frames('POST', '/v1/dispatch/resume', { body });
  }
}

function parseFrame(block: string): RuntypeFrame {
  const lines = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  return {
    id: lines.get('id') ?? null,
    event: lines.get('event') ?? 'message',
    data: JSON.parse(lines.get('data') ?? '{}') as Record<string, unknown>,
  };
}

/** Types of frames, each once for a row of the same. */
export function types(frames: readonly RuntypeFrame[]): string[] {
  return frames.map((frame) => frame.event).filter((name, index, all) => name !== all[index - 1]);
}

/** The first frame of a type. */
export function frameOf(frames: readonly RuntypeFrame[], type: string): Record<string, unknown> {
  const frame = frames.find((one) => one.event === type);
  if (frame === undefined) throw new Error(`no ${type} among ${types(frames).join(' ')}`);
  return frame.data;
}

/** The text that the frames carry. */
export function textIn(frames: readonly RuntypeFrame[]): string {
  return frames
    .flatMap(({ event, data }) => (event === 'text_delta' ? [String(data['delta'])] : []))
    .join('');
}
