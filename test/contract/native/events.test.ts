import type { RunChangeFrame, RunEvent } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import type { UnexpectedReply } from '../../world/api-client.ts';
import { sharedWorld } from '../../world/server.ts';
import type { SseFrame } from '../../world/sse-frames.ts';
import { waitingRun } from './sample-data.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ servers: 2 });

interface EventPage {
  data: RunEvent[];
  nextCursor: string | null;
}

async function collect(frames: AsyncIterable<SseFrame>): Promise<SseFrame[]> {
  const all: SseFrame[] = [];
  for await (const frame of frames) all.push(frame);
  return all;
}

/** A run that has ended, with deltas, a call, a wait and two turns. */
async function endedRun(): Promise<string> {
  const { api } = world();
  const { runId, wait } = await waitingRun(world());
  await api.answer(wait.id, { decision: 'approve', digest: wait.digest ?? '' });
  await api.reaches(runId, 'succeeded');
  return runId;
}

async function refusal(frames: AsyncIterable<SseFrame>): Promise<UnexpectedReply> {
  return collect(frames).then(
    () => Promise.reject(new Error('the stream was not refused')),
    (error: UnexpectedReply) => error,
  );
}

describe('events', () => {
  verifies(['events.page'], async () => {
    const runId = await endedRun();
    const page = (query: string): Promise<EventPage> =>
      world().viewer.call('GET', `/v1/runs/${runId}/events?${query}`);
    const all = await page('');
    expect(all.nextCursor).toBeNull();
    const { data } = all;
    expect(data.map((event) => event.seq)).toEqual(data.map((_, index) => index + 1));
    expect(data[0]).toMatchObject({ runId, seq: 1, type: 'run.created', v: 1 });
    expect((await page('order=desc')).data).toEqual(data.toReversed());
    expect((await page('after=3&before=6')).data).toEqual(data.slice(3, 5));
    const types = await page('types=run.created,run.succeeded');
    expect(types.data.map((event) => event.type)).toEqual(['run.created', 'run.succeeded']);

    const forward: RunEvent[] = [];
    for (let cursor: string | null = '0'; cursor !== null;) {
      const next: EventPage = await page(`limit=3&after=${cursor}`);
      expect(next.data.length).toBeLessThanOrEqual(3);
      forward.push(...next.data);
      cursor = next.nextCursor;
    }
    expect(forward).toEqual(data);
    const backward: RunEvent[] = [];
    for (let cursor: string | null = String(data.length + 1); cursor !== null;) {
      const next: EventPage = await page(`order=desc&limit=4&before=${cursor}`);
      backward.push(...next.data);
      cursor = next.nextCursor;
    }
    expect(backward).toEqual(data.toReversed());
    for (const bad of [
      'limit=0',
      'limit=1001',
      'after=-1',
      'after=x',
      'types=nonsense',
      'order=up',
      'until=never',
      'x=1',
    ]) {
      const problem = await world().api.refused('GET', `/v1/runs/${runId}/events?${bad}`);
      expect([bad, problem.status, problem.errors?.[0]?.path]).toEqual([
        bad,
        422,
        expect.stringMatching(/^query\./),
      ]);
    }
  });

  verifies(['events.sse', 'events.sse-until'], async () => {
    const runId = await endedRun();
    const log = await world().api.events(runId);
    const frames = await collect(world().viewer.stream(runId, { until: 'finished' }));
    const end = frames.pop();
    expect(end).toEqual({ id: null, event: 'stream.end', data: { reason: 'finished' } });
    expect(frames).toEqual(log.map((event) => ({ id: String(event.seq), event: event.type, data: event })));
    const parked = await waitingRun(world());
    const waiting = await collect(world().api.stream(parked.runId, { until: 'parked' }));
    expect(waiting.at(-1)?.data).toEqual({ reason: 'parked' });
    expect(waiting.at(-2)?.event).toBe('run.waiting');
    await world().api.command(parked.runId, 'cancel');
  });

  verifies(['events.sse-cursor'], async () => {
    const runId = await endedRun();
    const whole = await collect(world().api.stream(runId, { until: 'finished' }));
    const head = whole.length - 1;
    for (let seq = 0; seq <= head; seq++) {
      const rest = whole.slice(seq);
      expect(
        await collect(world().second.stream(runId, { lastEventId: String(seq), until: 'finished' })),
      ).toEqual(rest);
      expect(await collect(world().api.stream(runId, { after: seq, until: 'parked' }))).toEqual(rest);
    }
  });

  verifies(['events.sse-last-event-id-wins'], async () => {
    const runId = await endedRun();
    const frames = await collect(
      world().api.stream(runId, { after: 1, lastEventId: '4', until: 'finished' }),
    );
    expect(frames[0]?.id).toBe('5');
  });

  verifies(['error.cursor_ahead'], async () => {
    const { runId } = await waitingRun(world());
    const { head } = await world().api.run(runId);
    for (const options of [
      { lastEventId: String(head + 1) },
      { after: head + 1 },
      { lastEventId: '999999999999999' },
    ]) {
      const { reply } = await refusal(world().api.stream(runId, options));
      expect(reply.status).toBe(409);
      expect(JSON.parse(reply.text)).toMatchObject({ code: 'cursor_ahead', retryable: false });
    }
    const bad = await refusal(world().api.stream(runId, { lastEventId: 'not-a-seq' }));
    expect(JSON.parse(bad.reply.text)).toMatchObject({
      status: 422,
      errors: [{ path: 'headers.last-event-id' }],
    });
    const stranger = await refusal(world().stranger.stream(runId));
    expect(stranger.reply.status).toBe(404);
    await world().api.command(runId, 'cancel');
  });

  verifies(['events.sse-types'], async () => {
    const runId = await endedRun();
    const types = 'tool.started,tool.completed';
    const frames = await collect(world().api.stream(runId, { types, until: 'finished' }));
    expect(frames.map((frame) => frame.event)).toEqual(['tool.started', 'tool.completed', 'stream.end']);
    const after = Number(frames[0]?.id);
    const rest = await collect(world().api.stream(runId, { types, after, until: 'finished' }));
    expect(rest.map((frame) => frame.event)).toEqual(['tool.completed', 'stream.end']);
  });

  verifies(['events.sse-page-members'], async () => {
    const { runId } = await waitingRun(world());
    for (const [member, value] of [
      ['before', '3'],
      ['order', 'desc'],
      ['limit', '5'],
    ] as const) {
      const { reply } = await refusal(
        world().api.frames('GET', `/v1/runs/${runId}/events?${member}=${value}`),
      );
      expect(JSON.parse(reply.text)).toMatchObject({ status: 422, errors: [{ path: `query.${member}` }] });
    }
    await world().api.command(runId, 'cancel');
  });

  verifies(['events.sse-live'], async () => {
    const { api, second, model } = world();
    const run = await api.start({ model: 'gated/m', input: 'x' });
    const call = await model.next();
    const seen: string[][] = [[], []];
    const first: Promise<void>[] = [];
    const readers = [api, second].map(async (client, index) => {
      let tell = (): void => undefined;
      first.push(new Promise((resolve) => (tell = resolve)));
      for await (const frame of client.stream(run.id, { until: 'finished' })) {
        if (frame.event === 'message.delta') {
          seen[index]?.push((frame.data as { data: { text: string } }).data.text);
          tell();
        }
      }
    });
    call.say('while it ');
    await Promise.all(first);
    expect((await api.run(run.id)).status).toBe('running');
    call.say('goes on');
    call.end();
    await Promise.all(readers);
    expect(seen.map((texts) => texts.join(''))).toEqual(['while it goes on', 'while it goes on']);
  });

  verifies(['events.changes'], async () => {
    const controller = new AbortController();
    const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(20_000)]);
    const own: RunChangeFrame[] = [];
    const others: unknown[] = [];
    const ready = Promise.all([watch(world().second, own), watch(world().stranger, others)]);
    function watch(client: ReturnType<typeof world>['api'], into: unknown[]): Promise<() => Promise<void>> {
      return new Promise((started) => {
        const reading = (async () => {
          try {
            for await (const frame of client.frames('GET', '/v1/changes', { signal })) {
              expect(frame.event).toBe('run.changed');
              into.push(frame.data);
            }
          } catch {
            // Aborted below.
          }
        })();
        started(() => reading);
      });
    }
    const stops = await ready;
    // Best effort: a change may come before the stream is open, so changes go on until one is seen.
    let runId = '';
    for (
      let tries = 0;
      tries < 50 && !own.some((change) => change.runId === runId && change.openWaits === 1);
      tries++
    ) {
      ({ runId } = await waitingRun(world()));
      await world().api.command(runId, 'notes', { type: 'n' });
      await world().second.event(runId, 'note.logged');
    }
    const change = own.findLast((one) => one.openWaits === 1);
    expect(change).toMatchObject({ runId: expect.any(String) as string, status: 'waiting', openWaits: 1 });
    expect(change?.head).toBeGreaterThan(1);
    expect(others).toEqual([]);
    controller.abort();
    await Promise.all(stops.map((stop) => stop()));
  });

  verifies(
    ['events.sse-heartbeat'],
    async () => {
      const { runId } = await waitingRun(world());
      const controller = new AbortController();
      const response = await fetch(`${world().url}/v1/runs/${runId}/events?after=3`, {
        headers: { authorization: `Bearer ${world().api.key}`, accept: 'text/event-stream' },
        signal: controller.signal,
      });
      let text = '';
      for await (const chunk of response.body ?? []) {
        text += new TextDecoder().decode(chunk as Uint8Array);
        if (text.includes(': hb\n')) break;
      }
      controller.abort();
      expect(text).toContain(': hb\n');
      await world().api.command(runId, 'cancel');
    },
    25_000,
  );
});
