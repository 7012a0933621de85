import type { ChangedReply, ListReply, MeReply, Run, RunEvent, Wait } from '@fermata/protocol';
import { createParser } from 'eventsource-parser';
import { DemoError } from './demo-error.ts';

/** The few operations of the native API that the demo uses, over plain fetch as any script could. */
export interface Api {
  me(): Promise<MeReply>;
  startRun(body: unknown): Promise<Run>;
  getRun(runId: string): Promise<Run>;
  openWaits(runId: string): Promise<Wait[]>;
  answerWait(waitId: string, body: unknown): Promise<ChangedReply & { wait: Wait }>;
  listEvents(runId: string): Promise<RunEvent[]>;
  /** The events after `after`, until the run has ended or the connection is cut. */
  watch(runId: string, after: number): AsyncGenerator<RunEvent, 'ended' | 'cut', void>;
}

export function createApi(baseUrl: string, apiKey: string): Api {
  const authorization = { authorization: `Bearer ${apiKey}` };

  async function json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      headers: { ...authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
      signal: AbortSignal.timeout(20_000),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new DemoError(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text) as T;
  }

  return {
    me: () => json('GET', '/me'),
    startRun: (body) => json('POST', '/runs', body),
    getRun: (runId) => json('GET', `/runs/${runId}`),
    openWaits: async (runId) => (await json<ListReply<Wait>>('GET', `/waits?run=${runId}`)).data,
    answerWait: (waitId, body) => json('POST', `/waits/${waitId}/answer`, body),
    listEvents: async (runId) =>
      (await json<ListReply<RunEvent>>('GET', `/runs/${runId}/events?limit=1000`)).data,
    async *watch(runId, after) {
      const response = await fetch(`${baseUrl}/runs/${runId}/events?until=finished`, {
        headers: { ...authorization, accept: 'text/event-stream', 'last-event-id': String(after) },
      });
      if (!response.ok || response.body === null) {
        throw new DemoError(`the stream was refused with ${response.status}`);
      }
      return yield* readStream(response.body);
    },
  };
}

async function* readStream(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<RunEvent, 'ended' | 'cut', void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let frames: { event: string | undefined; data: string }[] = [];
  const parser = createParser({ onEvent: ({ event, data }) => frames.push({ event, data }) });
  try {
    for (;;) {
      // A killed server resets the connection in the middle of a read.
      const chunk = await reader.read().catch(() => null);
      if (chunk === null || chunk.done) return 'cut';
      parser.feed(decoder.decode(chunk.value, { stream: true }));
      const complete = frames;
      frames = [];
      for (const frame of complete) {
        if (frame.event === 'stream.end') return 'ended';
        yield JSON.parse(frame.data) as RunEvent;
      }
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
