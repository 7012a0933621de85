import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { testWorld } from '../../world/server.ts';

/** An open connection, on which `sent` was said. */
async function connection(url: string, sent: string): Promise<AsyncDisposable> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (sent !== '') await new Promise((written) => socket.write(sent, written));
  return {
    async [Symbol.asyncDispose]() {
      socket.destroy();
      if (!socket.closed) await once(socket, 'close');
    },
  };
}

async function closeMs(close: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await close();
  return performance.now() - started;
}

describe('a server that stops', () => {
  it('does not wait for a connection on which nothing was asked', async () => {
    await using world = await testWorld();
    await using _silent = await connection(world.url, '');
    await world.api.call('GET', '/v1/me');
    expect(await closeMs(() => world.servers[0]?.close() ?? Promise.resolve())).toBeLessThan(10_000);
  });

  it('does not wait for a request that never comes to its end', async () => {
    await using world = await testWorld();
    const head = `POST /v1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${world.api.key}\r\n`;
    await using _half = await connection(
      world.url,
      `${head}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"in`,
    );
    await world.api.call('GET', '/v1/me');
    expect(await closeMs(() => world.servers[0]?.close() ?? Promise.resolve())).toBeLessThan(10_000);
  });

  it('ends its streams with a last frame, and another server goes on with the cursor', async () => {
    await using world = await testWorld({ servers: 2 });
    const { api, second } = world;
    const run = await api.start({ model: 'script/approval', input: 'x' });
    await api.reaches(run.id, 'waiting');
    const seen: string[] = [];
    let last = '';
    for await (const frame of api.stream(run.id)) {
      seen.push(frame.event);
      last = frame.id ?? last;
      if (frame.event === 'run.waiting') void world.servers[0]?.close();
      if (frame.event === 'stream.end') expect(frame.data).toEqual({ reason: 'draining' });
    }
    expect(seen.at(-1)).toBe('stream.end');
    const [wait] = await second.openWaits(run.id);
    await second.answer(wait?.id ?? '', { decision: 'approve', digest: wait?.digest ?? '' });
    const rest: string[] = [];
    for await (const frame of second.stream(run.id, { lastEventId: last, until: 'finished' }))
      rest.push(frame.event);
    expect(rest[0]).toBe('wait.resolved');
    expect(rest.at(-2)).toBe('run.succeeded');
  });

  it('gives its runs back at their next step, and another server drives them on', async () => {
    await using world = await testWorld({ servers: 2 });
    const { api, second, model } = world;
    const run = await api.start({
      model: 'gated/m',
      input: 'x',
      tools: [{ type: 'client', name: 'lookup' }],
    });
    const first = await model.next();
    const closed = world.servers[0]?.close();
    first.ask({ tool: 'lookup', args: {} });
    await closed;
    await second.reaches(run.id, 'waiting');
    const [wait] = await second.openWaits(run.id);
    await second.answer(wait?.id ?? '', { output: 1 });
    const next = await model.next();
    next.say('done');
    next.end();
    expect(await second.reaches(run.id, 'succeeded')).toMatchObject({ output: 'done' });
    const attempts = (await second.events(run.id)).filter((event) => event.type === 'turn.started');
    expect(attempts.map((event) => event.data)).toMatchObject([
      { turn: 1, attempt: 1 },
      { turn: 2, attempt: 1 },
    ]);
  });
});
