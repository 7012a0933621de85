import type { RunEvent } from '@fermata/protocol';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { problem, ScriptedServer, stream, type Answer } from '../test/scripted-server.ts';
import { createClient, type Client } from './client.ts';
import { FermataError } from './errors.ts';
import type { WatchOptions } from './watch-run.ts';

const RUN = '0190-run';

function delta(seq: number, text: string, from?: number): RunEvent {
  const data = { turn: 1, attempt: 1, part: 0, channel: 'text' as const, text, ...(from && { from }) };
  return { runId: RUN, seq, type: 'message.delta', at: '2026-01-01T00:00:00.000Z', v: 1, data };
}

function frame(event: RunEvent): string {
  return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

function end(reason: string): string {
  return `event: stream.end\ndata: {"reason":"${reason}"}\n\n`;
}

const log = ['eins', 'zwei – „süß“', '三', '🎼', 'fünf'].map((text, index) => delta(index + 1, text));

/** Streams the log after `Last-Event-ID`, and at its end says that the run has finished. */
function rest(finish = end('finished')): Answer {
  return (response, request) =>
    stream(
      log
        .filter((event) => event.seq > Number(request.headers['last-event-id'] ?? 0))
        .map(frame)
        .join('') + finish,
    )(response, request);
}

function clientOf(server: { url: string }, maxRetries = 2): Client {
  return createClient({
    baseUrl: server.url,
    apiKey: 'secret',
    maxRetries,
    retry: { firstMs: 1, longestMs: 20 },
  });
}

async function seqs(server: { url: string }, options: WatchOptions = {}): Promise<number[]> {
  const seen: number[] = [];
  for await (const event of clientOf(server).runs.watch(RUN, options)) seen.push(event.seq);
  return seen;
}

describe('watch', () => {
  it('yields the whole log once and in order, wherever in its bytes the connection is cut', async () => {
    const bytes = Buffer.from(log.map(frame).join(''));
    for (let at = 0; at < bytes.length; at += 13) {
      await using server = await ScriptedServer.start(stream(bytes.subarray(0, at), 'cut'), rest());
      expect(await seqs(server), `cut at byte ${at}`).toEqual([1, 2, 3, 4, 5]);
    }
  });

  it('keeps letters whole that arrive in two chunks', async () => {
    const bytes = Buffer.from(
      frame(log[3] ?? delta(1, '')).replaceAll('"seq":4', '"seq":1') + end('finished'),
    );
    await using server = await ScriptedServer.start(async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const byte of bytes) {
        await new Promise<void>((resolve) => response.write(Buffer.from([byte]), () => resolve()));
      }
      response.end();
    });
    const texts: string[] = [];
    for await (const event of clientOf(server).runs.watch(RUN)) {
      if (event.type === 'message.delta') texts.push(event.data.text);
    }
    expect(texts).toEqual(['🎼']);
  });

  it('comes back with Last-Event-ID, after and until', async () => {
    await using server = await ScriptedServer.start(stream(frame(delta(4, 'x')), 'cut'), rest());
    expect(await seqs(server, { after: 3, until: 'parked' })).toEqual([4, 5]);
    expect(server.requests.map((request) => request.headers['last-event-id'])).toEqual(['3', '4']);
    expect(server.requests[1]?.url).toBe(`/native/v1/runs/${RUN}/events?until=parked`);
    expect(server.requests[1]?.headers.authorization).toBe('Bearer secret');
  });

  it('survives a server that is away and one that is not ready', async () => {
    await using server = await ScriptedServer.start(
      stream(log.slice(0, 2).map(frame).join(''), 'cut'),
      problem(503, 'unavailable', { retryable: true }, { 'retry-after': '0' }),
      (response) => void response.destroy(),
      problem(500, 'internal'),
      rest(),
    );
    const causes: string[] = [];
    const seen = await seqs(server, { onReconnect: ({ cause }) => causes.push(cause.code) });
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(causes).toEqual(['network_error', 'unavailable', 'network_error', 'internal']);
  });

  it.each(['draining', 'slow_reader'])('goes on elsewhere after stream.end %s', async (reason) => {
    await using server = await ScriptedServer.start(
      stream(log.slice(0, 3).map(frame).join('') + end(reason)),
      rest(),
    );
    expect(await seqs(server)).toEqual([1, 2, 3, 4, 5]);
    expect(server.requests[1]?.headers['last-event-id']).toBe('3');
  });

  it.each(['finished', 'parked'])('ends on stream.end %s', async (reason) => {
    await using server = await ScriptedServer.start(rest(end(reason)));
    expect(await seqs(server)).toEqual([1, 2, 3, 4, 5]);
    expect(server.requests).toHaveLength(1);
  });

  it('throws unauthenticated once a revoked key ended its stream', async () => {
    await using server = await ScriptedServer.start(
      stream(frame(delta(1, 'x')) + end('unauthorized')),
      problem(401, 'unauthenticated'),
    );
    await expect(seqs(server)).rejects.toMatchObject({ code: 'unauthenticated', status: 401 });
  });

  it('drops events that it has had already', async () => {
    await using server = await ScriptedServer.start(
      stream(log.slice(0, 3).map(frame).join(''), 'cut'),
      stream(log.map(frame).join('') + end('finished')),
    );
    expect(await seqs(server)).toEqual([1, 2, 3, 4, 5]);
  });

  it('asks again when an event is left out', async () => {
    const gap = log.filter((event) => event.seq !== 3);
    await using server = await ScriptedServer.start(stream(gap.map(frame).join('')), rest());
    expect(await seqs(server)).toEqual([1, 2, 3, 4, 5]);
    expect(server.requests[1]?.headers['last-event-id']).toBe('2');
  });

  it('throws when an event is left out again and again', async () => {
    await using server = await ScriptedServer.start(stream(frame(delta(2, 'x'))));
    await expect(seqs(server)).rejects.toMatchObject({ code: 'invalid_reply' });
  });

  it('takes a compacted delta for the events that it stands for', async () => {
    const compacted = [delta(4, 'abcd', 1), delta(5, 'e')];
    await using server = await ScriptedServer.start(stream(compacted.map(frame).join('') + end('finished')));
    expect(await seqs(server)).toEqual([4, 5]);
  });

  it('does not take types that were not asked for as left out', async () => {
    await using server = await ScriptedServer.start(
      stream(frame(delta(2, 'x')) + frame(delta(9, 'y')) + end('finished')),
    );
    expect(await seqs(server, { types: ['message.delta'] })).toEqual([2, 9]);
    expect(server.requests[0]?.url).toContain('types=message.delta');
  });

  it('gives up a connection on which nothing comes any more', async () => {
    await using server = await ScriptedServer.start(stream(frame(delta(1, 'x')), 'stay'), rest());
    expect(await seqs(server, { idleTimeoutMs: 60 })).toEqual([1, 2, 3, 4, 5]);
  });

  it('gives up a server that takes the connection and says nothing', async () => {
    await using server = await ScriptedServer.start(() => undefined, rest());
    expect(await seqs(server, { idleTimeoutMs: 60 })).toEqual([1, 2, 3, 4, 5]);
  });

  it('throws at once what asking again cannot mend', async () => {
    await using server = await ScriptedServer.start(problem(404, 'not_found'));
    await expect(seqs(server)).rejects.toMatchObject({ code: 'not_found', requestId: 'req-1' });
    expect(server.requests).toHaveLength(1);
  });

  it('throws when the server was never there', async () => {
    const url = await unusedUrl();
    const error = await seqs({ url }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FermataError);
    expect(error).toMatchObject({ code: 'network_error', status: null, retryable: true });
    expect(String(error)).toContain('ECONNREFUSED');
  });

  it('refuses what is not a stream', async () => {
    await using server = await ScriptedServer.start((response) => void response.end('<html>'));
    await expect(seqs(server)).rejects.toMatchObject({ code: 'invalid_reply' });
  });

  it('closes its connection when the loop is left', async () => {
    let closed: Promise<unknown> | undefined;
    await using server = await ScriptedServer.start((response, request) => {
      closed = once(response, 'close');
      return stream(frame(delta(1, 'x')), 'stay')(response, request);
    });
    const watch = clientOf(server).runs.watch(RUN);
    expect((await watch.next()).value).toMatchObject({ seq: 1 });
    // What `break` in a loop over it does.
    await watch.return();
    await closed;
  });

  it('throws the reason of its signal', async () => {
    await using server = await ScriptedServer.start(stream(frame(delta(1, 'x')), 'stay'));
    const controller = new AbortController();
    const reason = new Error('enough');
    const watch = async (): Promise<void> => {
      for await (const _event of clientOf(server).runs.watch(RUN, { signal: controller.signal })) {
        controller.abort(reason);
      }
    };
    await expect(watch()).rejects.toBe(reason);
    expect(server.requests).toHaveLength(1);
  });
});

describe('startStream', () => {
  const head = { 'fermata-run-id': RUN };

  it('streams the run that it started, across a cut', async () => {
    await using server = await ScriptedServer.start(
      stream(log.slice(0, 2).map(frame).join(''), 'cut', head),
      rest(end('parked')),
    );
    const started = await clientOf(server).runs.startStream({ input: 'hello' });
    expect(started.runId).toBe(RUN);
    const seen: number[] = [];
    for await (const event of started.events) seen.push(event.seq);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /native/v1/runs',
      `GET /native/v1/runs/${RUN}/events?until=parked`,
    ]);
    expect(server.requests[0]?.body).toBe('{"input":"hello"}');
  });

  it('tries again under the same key, so that one run is started', async () => {
    await using server = await ScriptedServer.start(
      (response) => void response.destroy(),
      stream(log.map(frame).join('') + end('parked'), 'end', head),
    );
    const { events } = await clientOf(server).runs.startStream({ input: 'hello' });
    await events.next();
    await events.return();
    const keys = server.requests.map((request) => request.headers['idempotency-key']);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(keys[1]).toBe(keys[0]);
  });

  it('throws the refusal of a start', async () => {
    await using server = await ScriptedServer.start(problem(422, 'invalid_request'));
    await expect(clientOf(server).runs.startStream({ input: 'x' })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});

describe('changes', () => {
  it('yields hints and tells when the stream was cut', async () => {
    const hint = { runId: RUN, status: 'running', head: 3, openWaits: 0 };
    const text = `event: run.changed\ndata: ${JSON.stringify(hint)}\n\n`;
    await using server = await ScriptedServer.start(stream(text, 'cut'), stream(text, 'stay'));
    let reconnects = 0;
    const changes = clientOf(server).changes({ onReconnect: () => (reconnects += 1) });
    expect((await changes.next()).value).toEqual(hint);
    expect((await changes.next()).value).toEqual(hint);
    expect(reconnects).toBe(1);
    await changes.return();
  });
});

async function unusedUrl(): Promise<string> {
  await using server = await ScriptedServer.start();
  return server.url;
}
