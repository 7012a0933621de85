import {
  isTerminal,
  problemSchema,
  type AnswerBody,
  type ChangedReply,
  type Problem,
  type Run,
  type RunEvent,
  type RunStatus,
  type TranscriptMessage,
  type Wait,
  type WaitChangedReply,
} from '@fermata/protocol';
import { readSse, type SseFrame } from './sse-frames.ts';

export interface Reply<T = unknown> {
  status: number;
  headers: Headers;
  text: string;
  body: T;
}

export interface RequestOptions {
  /** JSON, or a text that is sent as it is. */
  body?: unknown;
  raw?: string | Uint8Array;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Members of a request, not checked here: that is the server's part. */
export type Body = Record<string, unknown>;

export interface StreamOptions {
  after?: number;
  until?: 'finished' | 'parked';
  types?: string;
  lastEventId?: string;
  signal?: AbortSignal;
}

/** A reply that was not 2xx where the test expected one. */
export class UnexpectedReply extends Error {
  override readonly name = 'UnexpectedReply';
  readonly reply: Reply;

  constructor(what: string, reply: Reply) {
    super(`${what}: ${reply.status} ${reply.text.slice(0, 2_000)}`);
    this.reply = reply;
  }
}

/** What no client may ever see: places in our code, statements, paths of the server. */
const INTERNALS =
  /\bat \S+ \(|node_modules|node:internal|\.ts:\d|file:\/\/|postgres(?:ql)?:\/\/|select .+ from /i;

const WATCH_MS = 20_000;
const PARKED: ReadonlySet<RunStatus> = new Set<RunStatus>(['paused', 'waiting']);

/** The native API as one key's holder sees it, over real HTTP. Every error that it meets is checked for its form. */
export class ApiClient {
  readonly base: string;
  readonly key: string;
  readonly #onText: (text: string) => void;

  constructor(base: string, key: string, onText: (text: string) => void = () => undefined) {
    this.base = base;
    this.key = key;
    this.#onText = onText;
  }

  /** The same key at another server. */
  at(base: string): ApiClient {
    return new ApiClient(base, this.key, this.#onText);
  }

  async request<T = unknown>(method: string, path: string, options: RequestOptions = {}): Promise<Reply<T>> {
    const response = await this.#fetch(method, path, options);
    const text = await response.text();
    this.#onText(text);
    const { status, headers } = response;
    const isJson = /[/+]json/.test(headers.get('content-type') ?? '');
    const body: unknown = isJson && text !== '' ? JSON.parse(text) : text;
    const reply = { status, headers, text, body: body as T };
    if (status >= 400) checkProblem(`${method} ${path}`, reply);
    return reply;
  }

  /** The body of a 2xx reply. */
  async call<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T> {
    const reply = await this.request<T>(method, path, {
      body,
      ...(headers === undefined ? {} : { headers }),
    });
    if (reply.status >= 300) throw new UnexpectedReply(`${method} ${path}`, reply);
    return reply.body;
  }

  /** The problem of a request that must be refused. */
  async refused(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Problem> {
    const reply = await this.request(method, path, { body, ...(headers === undefined ? {} : { headers }) });
    if (reply.status < 400) throw new UnexpectedReply(`${method} ${path} was not refused`, reply);
    return problemSchema.parse(reply.body);
  }

  async #fetch(method: string, path: string, options: RequestOptions): Promise<Response> {
    const { body, raw, headers, signal } = options;
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    return fetch(this.base + path, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(payload === undefined ? {} : { body: payload }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  start(body: Body): Promise<Run> {
    return this.call('POST', '/v1/runs', body);
  }
  run(runId: string): Promise<Run> {
    return this.call('GET', `/v1/runs/${runId}`);
  }
  /** A command on a run: pause, resume, cancel, retry, report, messages, notes, … */
  command<T = ChangedReply>(
    runId: string,
    verb: string,
    body: Body = {},
    headers?: Record<string, string>,
  ): Promise<T> {
    return this.call('POST', `/v1/runs/${runId}/${verb}`, body, headers);
  }
  update(runId: string, body: Body): Promise<ChangedReply> {
    return this.call('PATCH', `/v1/runs/${runId}`, body);
  }
  fork(runId: string, body: Body): Promise<Run> {
    return this.call('POST', `/v1/runs/${runId}/fork`, body);
  }
  wait(waitId: string): Promise<Wait> {
    return this.call('GET', `/v1/waits/${waitId}`);
  }
  answer(waitId: string, body: AnswerBody): Promise<WaitChangedReply> {
    return this.call('POST', `/v1/waits/${waitId}/answer`, body);
  }
  answerCall(runId: string, callId: string, body: AnswerBody): Promise<ChangedReply & { wait: Wait | null }> {
    return this.call('POST', `/v1/runs/${runId}/calls/${callId}/answer`, body);
  }
  async openWaits(runId: string): Promise<Wait[]> {
    const page = await this.call<{ data: Wait[] }>('GET', `/v1/waits?run=${runId}&limit=100`);
    return page.data;
  }
  async messages(runId: string): Promise<TranscriptMessage[]> {
    const page = await this.call<{ data: TranscriptMessage[] }>(
      'GET',
      `/v1/runs/${runId}/messages?limit=100`,
    );
    return page.data;
  }
  /** The whole log. */
  async events(runId: string): Promise<RunEvent[]> {
    const events: RunEvent[] = [];
    let cursor: string | null = '0';
    while (cursor !== null) {
      const page: { data: RunEvent[]; nextCursor: string | null } = await this.call(
        'GET',
        `/v1/runs/${runId}/events?limit=1000&after=${cursor}`,
      );
      events.push(...page.data);
      cursor = page.nextCursor;
    }
    return events;
  }
  async types(runId: string): Promise<string[]> {
    return (await this.events(runId)).map((event) => event.type).filter((type) => type !== 'message.delta');
  }

  /** The frames of a run's stream. Rejects with `UnexpectedReply` when it is refused. */
  async *stream(runId: string, options: StreamOptions = {}): AsyncGenerator<SseFrame, void, undefined> {
    const { lastEventId, signal, ...query } = options;
    const search = new URLSearchParams(
      Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
    );
    const request: RequestOptions = {
      headers: {
        accept: 'text/event-stream',
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      },
      ...(signal === undefined ? {} : { signal }),
    };
    yield* this.#frames('GET', `/v1/runs/${runId}/events?${search.toString()}`, request);
  }

  /** The frames of any streaming operation. */
  async *frames(
    method: string,
    path: string,
    options: RequestOptions = {},
  ): AsyncGenerator<SseFrame, void, undefined> {
    const headers = { accept: 'text/event-stream', ...options.headers };
    yield* this.#frames(method, path, { ...options, headers });
  }

  async *#frames(
    method: string,
    path: string,
    options: RequestOptions,
  ): AsyncGenerator<SseFrame, void, undefined> {
    const response = await this.#fetch(method, path, options);
    if (!response.ok || response.body === null) {
      const reply = {
        status: response.status,
        headers: response.headers,
        text: await response.text(),
        body: null,
      };
      throw new UnexpectedReply(`${method} ${path}`, reply);
    }
    for await (const frame of readSse(response.body)) {
      this.#onText(JSON.stringify(frame.data));
      yield frame;
    }
  }

  /** Waits on the stream for the first event that `isIt` accepts. */
  async event(runId: string, isIt: string | ((event: RunEvent) => boolean), after = 0): Promise<RunEvent> {
    const accepts = typeof isIt === 'string' ? (event: RunEvent): boolean => event.type === isIt : isIt;
    const controller = new AbortController();
    const timer = setTimeout(
      () => controller.abort(new Error(`no such event of run ${runId}: ${String(isIt)}`)),
      WATCH_MS,
    );
    const seen: string[] = [];
    try {
      for await (const frame of this.stream(runId, { after, signal: controller.signal })) {
        const event = frame.data as RunEvent;
        seen.push(event.type);
        if (accepts(event)) return event;
      }
      throw new Error(`the stream of run ${runId} ended`);
    } catch (error) {
      throw new Error(`waiting for ${String(isIt)} after ${after}; seen: ${seen.join(' ')}`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
      controller.abort();
    }
  }

  /** The run once it is paused, waiting or ended. */
  parked(runId: string): Promise<Run> {
    return this.#streamedTo(runId, 'parked');
  }
  /** The run once it has ended. */
  finished(runId: string): Promise<Run> {
    return this.#streamedTo(runId, 'finished');
  }
  async #streamedTo(runId: string, until: 'finished' | 'parked'): Promise<Run> {
    const before = await this.run(runId);
    if (isTerminal(before.status) || (until === 'parked' && PARKED.has(before.status))) return before;
    const signal = AbortSignal.timeout(WATCH_MS);
    try {
      for await (const _frame of this.stream(runId, { until, after: before.head, signal }));
    } catch (error) {
      const run = await this.run(runId);
      const types = (await this.types(runId)).join(' ');
      throw new Error(`run ${runId} is ${run.status}, not ${until}: ${types}`, { cause: error });
    }
    return this.run(runId);
  }
  /** The run once it is parked, which must be in this status. */
  async reaches(runId: string, status: RunStatus): Promise<Run> {
    const run = await this.parked(runId);
    if (run.status !== status) {
      const types = (await this.types(runId)).join(' ');
      throw new Error(`run ${runId} is ${run.status}, not ${status}: ${types} ${JSON.stringify(run.error)}`);
    }
    return run;
  }
}

/** The form of every error: problem+json, nothing of the inside, and never an error of our own. */
function checkProblem(what: string, reply: Reply): void {
  const type = reply.headers.get('content-type') ?? '';
  const problem = problemSchema.safeParse(reply.body);
  const isProblem = type.startsWith('application/problem+json') && problem.success;
  if (!isProblem || problem.data.status !== reply.status)
    throw new UnexpectedReply(`${what} answered no problem`, reply);
  if (INTERNALS.test(reply.text)) throw new UnexpectedReply(`${what} shows the inside`, reply);
  if (reply.status >= 500 && problem.data.code === 'internal') throw new UnexpectedReply(what, reply);
}
