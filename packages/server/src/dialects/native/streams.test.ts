import { connect, type Socket } from 'node:net';
import type { Problem } from '@fermata/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startApp, type AppFixture } from '../../http/testing/app-fixture.ts';
import { fakeRun, noteEvent, RUN_ID, succeededEvent } from '../../http/testing/fake-engine.ts';
import { nativeFace } from './native-face.ts';

const EVENTS = `/v1/runs/${RUN_ID}/events`;
const ACCEPT = { accept: 'text/event-stream' };

let fixture: AppFixture;
/** How many connections to the server are not closed yet. */
let openSockets: () => number;
beforeEach(async () => {
  fixture = await startApp([nativeFace({ heartbeatMs: 40, slowReaderMs: 300, reauthenticateMs: 40 })]);
  fixture.fake.runs.set(RUN_ID, fakeRun());
  const open = new Set<Socket>();
  openSockets = () => open.size;
  fixture.app.server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
});

function append(...seqs: number[]): void {
  fixture.fake.log.append(...seqs.map((seq) => noteEvent(seq)));
  fixture.fake.runs.set(RUN_ID, fakeRun({ head: fixture.fake.log.events.length }));
}

function succeed(): void {
  const seq = fixture.fake.log.events.length + 1;
  fixture.fake.runs.set(RUN_ID, fakeRun({ status: 'succeeded', head: seq }));
  fixture.fake.log.append(succeededEvent(seq));
}

/** Reads frames as they come; comments are kept apart. */
class FrameReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = '';
  comments = 0;

  constructor(response: Response) {
    if (response.body === null) throw new Error('the response has no body');
    this.#reader = response.body.getReader();
  }

  async next(): Promise<{ id: string | null; event: string; data: unknown } | null> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end === -1) {
        const { done, value } = await this.#reader.read();
        if (done) return null;
        this.#text += this.#decoder.decode(value, { stream: true });
        continue;
      }
      const lines = this.#text.slice(0, end).split('\n');
      this.#text = this.#text.slice(end + 2);
      if (lines[0]?.startsWith(':') === true) {
        this.comments += 1;
        continue;
      }
      const field = (name: string): string | null =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? null;
      return { id: field('id'), event: field('event') ?? '', data: JSON.parse(field('data') ?? 'null') };
    }
  }

  async rest(): Promise<string[]> {
    const events: string[] = [];
    for (let frame = await this.next(); frame !== null; frame = await this.next()) {
      events.push(`${frame.id ?? '-'} ${frame.event} ${JSON.stringify(frame.data).slice(0, 40)}`);
    }
    return events;
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}

describe('the stream of a run’s events', () => {
  it('sends what is there and what comes, with seq and type, in headers that no proxy buffers', async () => {
    append(1, 2);
    const response = await fixture.request('GET', EVENTS, { headers: ACCEPT });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('cache-control')).toContain('no-transform');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(response.headers.get('request-id')).toMatch(/^req_/);
    const reader = new FrameReader(response);
    expect(await reader.next()).toEqual({ id: '1', event: 'note.logged', data: noteEvent(1) });
    expect((await reader.next())?.id).toBe('2');
    append(3);
    expect((await reader.next())?.id).toBe('3');
    await reader.cancel();
    await vi.waitFor(() => expect(fixture.fake.log.openTails).toBe(0));
  });

  it('goes on after Last-Event-ID, which goes before the parameter, or after the parameter alone', async () => {
    append(1, 2, 3, 4);
    succeed();
    const byHeader = await fixture.request('GET', `${EVENTS}?after=1&until=finished`, {
      headers: { ...ACCEPT, 'last-event-id': '3' },
    });
    expect((await new FrameReader(byHeader).next())?.id).toBe('4');
    const byQuery = await fixture.request('GET', `${EVENTS}?after=1&until=finished`, { headers: ACCEPT });
    expect((await new FrameReader(byQuery).next())?.id).toBe('2');
  });

  it('refuses a cursor ahead of the log, a bad one, and a run that is not there, before any byte', async () => {
    append(1);
    const refusals: [string, Record<string, string>, string][] = [
      [`${EVENTS}?after=2`, {}, 'cursor_ahead'],
      [EVENTS, { 'last-event-id': 'evt-7' }, 'invalid_request'],
      [`${EVENTS}?until=parked`, { 'last-event-id': '9' }, 'cursor_ahead'],
      [`${EVENTS}?limit=3`, {}, 'invalid_request'],
      ['/v1/runs/unknown/events', {}, 'not_found'],
    ];
    for (const [path, headers, code] of refusals) {
      const response = await fixture.request('GET', path, { headers: { ...ACCEPT, ...headers } });
      expect(((await response.json()) as Problem).code, path).toBe(code);
    }
    await vi.waitFor(() => expect(fixture.fake.log.openTails).toBe(0));
  });

  it('ends with until=finished after the last event of the run, at whatever point it was opened', async () => {
    append(1);
    const live = new FrameReader(
      await fixture.request('GET', `${EVENTS}?until=finished`, { headers: ACCEPT }),
    );
    await live.next();
    succeed();
    const expected = ['2 run.succeeded', '- stream.end {"reason":"finished"}'];
    expect((await live.rest()).map((line, i) => line.slice(0, expected[i]?.length))).toEqual(expected);
    const late = await fixture.request('GET', `${EVENTS}?until=finished&after=2`, { headers: ACCEPT });
    expect(await new FrameReader(late).rest()).toEqual(['- stream.end {"reason":"finished"}']);
  });

  it('ends with until=parked when the run waits, and not while it runs', async () => {
    append(1);
    const reader = new FrameReader(
      await fixture.request('GET', `${EVENTS}?until=parked`, { headers: ACCEPT }),
    );
    await reader.next();
    append(2);
    await reader.next();
    fixture.fake.runs.set(RUN_ID, fakeRun({ status: 'waiting', head: 3 }));
    fixture.fake.log.append({ ...noteEvent(3), type: 'run.waiting', data: { waitIds: ['wait_1'] } });
    expect((await reader.next())?.event).toBe('run.waiting');
    expect(await reader.rest()).toEqual(['- stream.end {"reason":"parked"}']);
  });

  it('leaves out other types but still ends where the run does', async () => {
    append(1, 2);
    succeed();
    const response = await fixture.request('GET', `${EVENTS}?types=run.succeeded&until=finished`, {
      headers: ACCEPT,
    });
    const frames = await new FrameReader(response).rest();
    expect(frames.map((frame) => frame.split(' ').slice(0, 2).join(' '))).toEqual([
      '3 run.succeeded',
      '- stream.end',
    ]);
  });

  it('sends a comment again and again while nothing happens', async () => {
    append(1);
    const reader = new FrameReader(await fixture.request('GET', EVENTS, { headers: ACCEPT }));
    await reader.next();
    const next = reader.next();
    await vi.waitFor(() => expect(fixture.fake.log.openTails).toBe(1));
    setTimeout(() => append(2), 150);
    expect((await next)?.id).toBe('2');
    expect(reader.comments).toBeGreaterThanOrEqual(2);
    await reader.cancel();
  });

  it('ends with draining when the process stops', async () => {
    append(1);
    const reader = new FrameReader(await fixture.request('GET', EVENTS, { headers: ACCEPT }));
    await reader.next();
    fixture.draining.abort();
    expect(await reader.rest()).toEqual(['- stream.end {"reason":"draining"}']);
    expect(fixture.fake.log.openTails).toBe(0);
  });

  it('ends with unauthorized when its key is revoked or loses the role', async () => {
    append(1);
    const reader = new FrameReader(await fixture.request('GET', EVENTS, { headers: ACCEPT }));
    await reader.next();
    fixture.fake.secrets.delete('developer-key');
    expect(await reader.rest()).toEqual(['- stream.end {"reason":"unauthorized"}']);
  });

  it('cuts a reader that takes nothing, and tells it why', async () => {
    const big = 'x'.repeat(200_000);
    for (let seq = 1; seq <= 60; seq += 1) fixture.fake.log.append(noteEvent(seq, big));
    fixture.fake.runs.set(RUN_ID, fakeRun({ head: 60 }));
    const socket = await openSocket('GET', EVENTS);
    await vi.waitFor(() => expect(fixture.fake.log.openTails).toBe(1));
    await vi.waitFor(() => expect(fixture.fake.log.openTails).toBe(0), { timeout: 5000 });
    let received = '';
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(received.length).toBeLessThan(60 * 200_000);
    // The server disconnects a reader that does not take the last frame either; one that does, learns why.
    if (received.includes('stream.end')) expect(received).toContain('{"reason":"slow_reader"}');
  });

  it('serves many readers of one event with one text', async () => {
    append(1);
    const stringify = vi.spyOn(JSON, 'stringify');
    const readers = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const reader = new FrameReader(await fixture.request('GET', EVENTS, { headers: ACCEPT }));
        await reader.next();
        return reader;
      }),
    );
    const event = fixture.fake.log.events[0];
    expect(stringify.mock.calls.filter(([value]) => value === event)).toHaveLength(1);
    stringify.mockRestore();
    await Promise.all(readers.map((reader) => reader.cancel()));
  });

  it('answers a page as JSON when no stream is asked for', async () => {
    const json = await fixture.request('GET', `${EVENTS}?until=parked`, {
      headers: { accept: 'application/json, text/event-stream' },
    });
    expect(json.headers.get('content-type')).toContain('application/problem+json');
  });
});

describe('a started run as a stream', () => {
  it('streams the new run until it is parked, naming it in the headers', async () => {
    const pending = fixture.request('POST', '/v1/runs', { json: { input: 'hello' }, headers: ACCEPT });
    const response = await pending;
    expect(response.status).toBe(201);
    expect(response.headers.get('location')).toBe(`/v1/runs/${RUN_ID}`);
    expect(response.headers.get('fermata-run-id')).toBe(RUN_ID);
    // The fake run starts over at its first status; what follows is the run's own log.
    succeed();
    const frames = await new FrameReader(response).rest();
    expect(frames.at(-1)).toBe('- stream.end {"reason":"finished"}');
  });

  it('replays a keyed start as a stream from the first event', async () => {
    const start = (headers: Record<string, string>): Promise<Response> =>
      fixture.request('POST', '/v1/runs', {
        json: { input: 'hello' },
        headers: { 'idempotency-key': 'k1', ...headers },
      });
    const first = await start({});
    expect(first.status).toBe(201);
    append(1);
    succeed();
    const replay = await start(ACCEPT);
    expect(replay.status).toBe(201);
    expect(replay.headers.get('idempotency-replayed')).toBe('true');
    expect(replay.headers.get('fermata-run-id')).toBe(RUN_ID);
    const frames = await new FrameReader(replay).rest();
    expect(frames.map((frame) => frame.split(' ').slice(0, 2).join(' '))).toEqual([
      '1 note.logged',
      '2 run.succeeded',
      '- stream.end',
    ]);
  });

  it('leaves nothing open for a reader that left while the command was running', async () => {
    let leave = (): void => undefined;
    const { start } = fixture.fake.engine.runs;
    fixture.fake.engine.runs.start = async (...args) => {
      const started = await start(...args);
      leave();
      await vi.waitFor(() => expect(openSockets()).toBe(0));
      return started;
    };
    const socket = await openSocket('POST', '/v1/runs');
    leave = () => socket.destroy();
    await vi.waitFor(() => expect(fixture.fake.log.tails).toBe(1));
    await vi.waitFor(() => expect(fixture.fake.log.openTails).toBe(0));
  });

  it('refuses a wrong request as a problem, not as a stream', async () => {
    const response = await fixture.request('POST', '/v1/runs', { json: { inptu: 1 }, headers: ACCEPT });
    expect(response.status).toBe(422);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
  });
});

/** A connection that has sent its request and reads nothing. */
function openSocket(method: string, path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(fixture.port, '127.0.0.1', () => {
      socket.pause();
      socket.write(
        `${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin-key\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n`,
      );
      resolve(socket);
    });
    socket.on('error', reject);
  });
}
