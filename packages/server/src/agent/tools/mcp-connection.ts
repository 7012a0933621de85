import type { JsonObject, McpServer } from '@fermata/protocol';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  StreamableHTTPClientTransport,
  StreamableHTTPError,
} from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CallToolResultSchema,
  ListToolsResultSchema,
  type CallToolResult,
  type Tool,
} from '@modelcontextprotocol/sdk/types.js';
import { setTimeout as delay } from 'node:timers/promises';
import type { GuardedFetch } from '../../outgoing/guarded-fetch.ts';
import { OutgoingError } from '../../outgoing/outgoing-error.ts';
import { fillText } from './template.ts';

/** Key in `_meta` under which a call carries its idempotency key. */
export const IDEMPOTENCY_META_KEY = 'fermata/idempotency-key';

const MAX_PAGES = 50;
const MAX_STREAM_BYTES = 64 * 1024 * 1024;
/** How long a stream that broke off may take to come back, where the server can resume it. */
const RESUME_GRACE_MS = 5_000;
/** How long a result that was the last thing in its stream may take through the transport’s parsers. */
const DELIVERY_GRACE_MS = 100;

export interface McpConnectionOptions {
  server: McpServer;
  fetch: GuardedFetch;
  secrets: Readonly<Record<string, string>>;
  timeoutMs: number;
}

export interface McpCall {
  name: string;
  args: JsonObject;
  idempotencyKey: string;
  timeoutMs: number;
  signal: AbortSignal;
}

/** Reported by `call` together with its error: whether the request may have been received. */
export interface McpCallError {
  error: unknown;
  sent: boolean;
}

export type McpCallResult = { ok: true; result: CallToolResult } | ({ ok: false } & McpCallError);

interface Session {
  client: Client;
  transport: StreamableHTTPClientTransport;
}

/** A connection to one MCP server over streamable HTTP, opened when first needed, kept until disposed. */
export class McpConnection {
  readonly #options: McpConnectionOptions;
  /** By idempotency key: what the fetch saw of the request of a call that is under way. */
  readonly #watched = new Map<string, CallWatch>();
  #session: Promise<Session> | null = null;
  #isDisposed = false;

  constructor(options: McpConnectionOptions) {
    this.#options = options;
  }

  /** All tools of the server. Rejects with what the transport or the server reports. */
  async listTools(signal: AbortSignal): Promise<Tool[]> {
    const { client } = await this.#open(signal);
    const tools: Tool[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const params = cursor === undefined ? {} : { cursor };
      const options = { signal, timeout: this.#options.timeoutMs };
      const result = await client.request({ method: 'tools/list', params }, ListToolsResultSchema, options);
      tools.push(...result.tools);
      cursor = result.nextCursor;
      if (cursor === undefined) break;
    }
    return tools;
  }

  /**
   * Calls a tool. A server that has forgotten the session (404) has not executed the call: it is made once more
   * in a new session, under the same idempotency key. Never throws.
   */
  async call(call: McpCall): Promise<McpCallResult> {
    const first = await this.#callOnce(call);
    if (first.ok || !isForgottenSession(first.error)) return first;
    await this.#close();
    return await this.#callOnce(call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#close();
  }

  async #callOnce(call: McpCall): Promise<McpCallResult> {
    const watch = createCallWatch();
    const finished = new AbortController();
    this.#watched.set(call.idempotencyKey, watch);
    try {
      const { client } = await this.#open(call.signal);
      const params = {
        name: call.name,
        arguments: call.args,
        _meta: { [IDEMPOTENCY_META_KEY]: call.idempotencyKey },
      };
      // Not `client.callTool`: it drops the result of a call that was executed when it does not fit the schema.
      const answer = client.request({ method: 'tools/call', params }, CallToolResultSchema, {
        signal: call.signal,
        timeout: call.timeoutMs,
      });
      const broken = watch.bodyEnded.then(async (isResumable) => {
        const graceMs = isResumable ? RESUME_GRACE_MS : DELIVERY_GRACE_MS;
        await delay(graceMs, undefined, { signal: finished.signal });
        throw new OutgoingError('reset', 'the MCP server ended its stream without a result', { sent: true });
      });
      return { ok: true, result: await Promise.race([answer, broken]) };
    } catch (error) {
      return { ok: false, error, sent: watch.mayHaveArrived() };
    } finally {
      finished.abort();
      this.#watched.delete(call.idempotencyKey);
    }
  }

  #open(signal: AbortSignal): Promise<Session> {
    if (this.#isDisposed) return Promise.reject(new Error('the connection is closed'));
    this.#session ??= this.#connect(signal).catch((error: unknown) => {
      this.#session = null;
      throw error;
    });
    return this.#session;
  }

  async #connect(signal: AbortSignal): Promise<Session> {
    const { server, secrets, timeoutMs } = this.#options;
    const headers = Object.fromEntries(
      Object.entries(server.headers ?? {}).map(([name, template]) => [
        name,
        fillText(template, { args: {}, secrets }),
      ]),
    );
    const client = new Client({ name: 'fermata', version: '1' });
    const transport = new StreamableHTTPClientTransport(new URL(server.url), {
      requestInit: { headers },
      fetch: (url, init) => this.#fetch(url, init),
    });
    try {
      // The declared Transport has `sessionId?: string`, the class an explicit undefined.
      await client.connect(transport as Parameters<Client['connect']>[0], { signal, timeout: timeoutMs });
    } catch (error) {
      await client.close().catch(() => undefined);
      throw error;
    }
    return { client, transport };
  }

  async #fetch(url: string | URL, init: RequestInit | undefined): Promise<Response> {
    const watch = this.#watched.get(idempotencyKeyOf(init?.body) ?? '');
    const limits = { timeoutMs: null, maxBytes: MAX_STREAM_BYTES };
    if (watch === undefined) return await this.#options.fetch(url, { ...init, limits });
    watch.leaving();
    try {
      return watchedBody(await this.#options.fetch(url, { ...init, limits }), watch);
    } catch (error) {
      if (error instanceof OutgoingError && !error.sent) watch.neverLeft();
      throw error;
    }
  }

  async #close(): Promise<void> {
    const opening = this.#session;
    this.#session = null;
    if (opening === null) return;
    try {
      const { client } = await opening;
      await client.close();
    } catch {
      // It was never open.
    }
  }
}

interface CallWatch {
  leaving(): void;
  neverLeft(): void;
  mayHaveArrived(): boolean;
  bodyHasEnded(isResumable: boolean): void;
  /** Settles with whether the stream can be resumed. */
  bodyEnded: Promise<boolean>;
}

function createCallWatch(): CallWatch {
  let mayHaveArrived = false;
  let bodyHasEnded = (_isResumable: boolean): void => undefined;
  const bodyEnded = new Promise<boolean>((resolve) => {
    bodyHasEnded = resolve;
  });
  return {
    leaving: () => void (mayHaveArrived = true),
    neverLeft: () => void (mayHaveArrived = false),
    mayHaveArrived: () => mayHaveArrived,
    bodyHasEnded: (isResumable) => bodyHasEnded(isResumable),
    bodyEnded,
  };
}

/** The transport keeps quiet about a stream that ends without the answer, so its end is watched here. */
function watchedBody(response: Response, watch: CallWatch): Response {
  if (response.body === null || !response.ok) return response;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let isResumable = false;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      try {
        const { done, value } = await reader.read();
        if (!done) {
          // Events with an id can be asked for again after a break (MCP, Resumability and Redelivery).
          isResumable ||= /^id:/m.test(decoder.decode(value, { stream: true }));
          controller.enqueue(value);
          return;
        }
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      watch.bodyHasEnded(isResumable);
    },
    async cancel(reason): Promise<void> {
      await reader.cancel(reason);
    },
  });
  return new Response(body, {
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
  });
}

function idempotencyKeyOf(body: RequestInit['body']): string | null {
  if (typeof body !== 'string' || !body.includes(IDEMPOTENCY_META_KEY)) return null;
  const message = JSON.parse(body) as { params?: { _meta?: Record<string, unknown> } };
  const key = message.params?._meta?.[IDEMPOTENCY_META_KEY];
  return typeof key === 'string' ? key : null;
}

/** MCP 2025-11-25, Transports, Session Management, rule 3; the reference server answers 400 after a restart. */
function isForgottenSession(error: unknown): boolean {
  if (!(error instanceof StreamableHTTPError)) return false;
  return error.code === 404 || (error.code === 400 && /session/i.test(error.message));
}
