import { once } from 'node:events';
import { describe, expect } from 'vitest';
import { WebSocket } from 'ws';
import { sharedWorld } from '../../world/server.ts';
import { names, runOf, ShannonClient } from './shannon-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ env: { FERMATA_SHANNON_RATE_LIMITS: 'off' } });
const shannon = (): ShannonClient => ShannonClient.of(world());
const UNKNOWN = 'task-00000000-0000-0000-0000-000000000001-1700000000-01890000000070008000000000000000';

/** A task that has ended, with a tool call in it. */
async function ended(): Promise<string> {
  const run = await world().script(
    [
      { deltas: ['Look', 'ing'], toolCalls: [{ tool: 'record_note', args: { text: 'n' } }] },
      { text: 'The answer' },
    ],
    { tools: [{ type: 'builtin', name: 'record_note' }] },
  );
  await world().api.finished(run.id);
  return String((await shannon().ok('GET', `/api/v1/tasks/${run.id}`))['task_id']);
}

interface Received {
  messages: { type: string; seq: number; stream_id: string; message?: string }[];
  socket: WebSocket;
  until(type: string): Promise<void>;
}

function connect(query: string, key: string | null = world().api.key): Received {
  const url = `${world().url.replace('http', 'ws')}/shannon/api/v1/stream/ws?${query}`;
  const socket = new WebSocket(url, { headers: key === null ? {} : { 'x-api-key': key } });
  const messages: Received['messages'] = [];
  const waiting: { type: string; done: () => void }[] = [];
  socket.on('message', (data: Buffer) => {
    const event = JSON.parse(data.toString()) as Received['messages'][number];
    messages.push(event);
    for (const one of waiting) if (one.type === event.type) one.done();
  });
  return {
    messages,
    socket,
    until: (type) =>
      new Promise((resolve, reject) => {
        if (messages.some((one) => one.type === type)) return resolve();
        const timer = setTimeout(() => reject(new Error(`no ${type} on the socket`)), 15_000);
        const done = (): void => {
          clearTimeout(timer);
          resolve();
        };
        waiting.push({ type, done });
        socket.on('error', reject);
      }),
  };
}

describe('the stream', () => {
  verifies(['stream.frames'], async () => {
    const taskId = await ended();
    const stream = shannon().stream(taskId);
    const greeting = await stream.next();
    await stream.return();
    expect(greeting.value?.data).toBe(`connected to workflow ${taskId}`);
    const frames = await shannon().frames(taskId);
    expect(names(frames)).toEqual([
      'DATA_PROCESSING',
      'WORKFLOW_STARTED',
      'AGENT_STARTED',
      'AGENT_THINKING',
      'thread.message.delta',
      'thread.message.completed',
      'TOOL_INVOKED',
      'TOOL_OBSERVATION',
      'AGENT_THINKING',
      'thread.message.delta',
      'thread.message.completed',
      'AGENT_COMPLETED',
      'WORKFLOW_COMPLETED',
      'done',
    ]);
    const deltas = frames.filter((frame) => frame.event === 'thread.message.delta');
    const texts = deltas.map((frame) => (frame.data as { delta: string }).delta);
    expect(texts.join('')).toBe('LookingThe answer');
    expect(deltas[0]).toMatchObject({
      id: expect.stringMatching(/^\d+-0$/) as string,
      data: { message: texts[0], workflow_id: taskId, agent_id: 'simple-agent' },
    });
    expect(deltas[0]?.data).not.toHaveProperty('type');
    const final = frames.filter((frame) => frame.event === 'thread.message.completed').at(-1);
    expect(final?.data).toMatchObject({
      response: 'The answer',
      message: 'The answer',
      agent_id: 'final_output',
      metadata: { model_used: 'echo', provider: 'script' },
    });
    const invoked = frames.find((frame) => frame.event === 'TOOL_INVOKED')?.data;
    expect(invoked).toMatchObject({
      workflow_id: taskId,
      type: 'TOOL_INVOKED',
      payload: { tool: 'record_note', params: { text: 'n' } },
      timestamp: expect.any(String) as string,
      seq: expect.any(Number) as number,
      stream_id: expect.any(String) as string,
    });
    expect(frames.at(-1)).toMatchObject({ event: 'done', data: '[DONE]' });
    const response = await fetch(`${shannon().base}/api/v1/stream/sse?workflow_id=${taskId}`, {
      headers: { 'x-api-key': shannon().key },
    });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    await response.text();
  });

  verifies(['stream.resume'], async () => {
    const taskId = await ended();
    const all = await shannon().frames(taskId);
    const seqOf = (id: string): number => {
      const [seq = '0', n = '0'] = id.split('-');
      return Number(seq) * 100 + Number(n);
    };
    for (const [index, frame] of all.entries()) {
      if (frame.event === 'done') continue;
      const id = frame.id ?? '';
      const rest = index % 2 === 0 ? { last_event_id: id } : { last_event_id: String(seqOf(id)) };
      expect(await shannon().frames(taskId, rest), id).toEqual(all.slice(index + 1));
    }
    const middle = all[4]?.id ?? '';
    const byHeader = await shannon().frames(taskId, { last_event_id: '0' }, { 'last-event-id': middle });
    expect(byHeader).toEqual(all.slice(5));
    expect(names(await shannon().frames(taskId, { last_event_id: all.at(-1)?.id ?? '' }))).toEqual(['done']);
  });

  verifies(['stream.filter', 'stream.redirect'], async () => {
    const taskId = await ended();
    const raw = await shannon().frames(taskId, { types: 'TOOL_INVOKED,LLM_OUTPUT' });
    expect(names(raw)).toEqual(['thread.message.completed', 'TOOL_INVOKED', 'thread.message.completed']);
    const named = await shannon().frames(taskId, { types: 'thread.message.completed,TOOL_INVOKED' });
    expect(named).toEqual(raw);
    expect(names(await shannon().frames(taskId, { types: 'STREAM_END' }))).toEqual(['done']);
    const path = `/api/v1/tasks/${taskId}/stream?types=TOOL_INVOKED&last_event_id=3`;
    const redirect = await shannon().request('GET', path);
    expect(redirect.status).toBe(307);
    expect(redirect.headers.get('location')).toBe(
      `/shannon/api/v1/stream/sse?workflow_id=${taskId}&types=TOOL_INVOKED&last_event_id=3`,
    );
  });

  verifies(['stream.unknown', 'stream.bad-input', 'stream.query-key'], async () => {
    const stranger = ShannonClient.of(world(), world().stranger.key);
    const [unknown, foreign] = await Promise.all([
      shannon().frames(UNKNOWN),
      ended().then((taskId) => stranger.frames(taskId)),
    ]);
    for (const frames of [unknown, foreign]) {
      expect(frames).toHaveLength(1);
      expect(frames[0]).toMatchObject({ event: 'ERROR_OCCURRED', data: { message: 'Workflow not found' } });
    }
    const refused = async (query: string, error: string): Promise<void> => {
      const reply = await shannon().request('GET', `/api/v1/stream/sse?${query}`);
      expect([reply.status, reply.body]).toEqual([400, { error }]);
    };
    await refused('', 'Invalid or missing workflow_id');
    await refused('workflow_id=a%20b', 'Invalid or missing workflow_id');
    await refused(`workflow_id=${UNKNOWN}&last_event_id=abc`, 'Invalid last_event_id');
    const taskId = await ended();
    for (const name of ['api_key', 'token']) {
      const url = `${shannon().base}/api/v1/stream/sse?workflow_id=${taskId}&${name}=${shannon().key}`;
      expect((await fetch(url)).status).toBe(200);
    }
    const bad = await fetch(`${shannon().base}/api/v1/stream/sse?workflow_id=${taskId}&api_key=wrong`);
    expect(bad.status).toBe(401);
  });

  verifies(['stream.retry'], async () => {
    const taskId = await shannon().submit({ query: 'x', model_override: 'gated/m' });
    const first = await world().model.next();
    first.say('Once upon');
    await shannon().until(taskId, 'thread.message.delta');
    first.cut();
    const second = await world().model.next();
    second.say('Once upon a time');
    second.end();
    const frames = await shannon().frames(taskId);
    const deltas = frames.filter((frame) => frame.event === 'thread.message.delta');
    expect(deltas.map((frame) => (frame.data as { delta: string }).delta).join('')).toBe('Once upon a time');
    expect(names(frames)).toContain('ERROR_RECOVERY');
  });

  verifies(['stream.failed'], async () => {
    const taskId = await shannon().submit({ query: 'x', model_override: 'no/such-model' });
    const frames = await shannon().frames(taskId);
    expect(names(frames).slice(-3)).toEqual(['error', 'WORKFLOW_FAILED', 'done']);
    expect(frames.at(-3)?.data).toMatchObject({
      type: 'ERROR_OCCURRED',
      payload: { code: 'provider_not_configured' },
    });
    const task = await shannon().ok('GET', `/api/v1/tasks/${taskId}`);
    expect(task['error']).toBe(task['error_message']);
  });

  verifies(['stream.reopened'], async () => {
    const run = await world().api.start({ input: 'x', model: 'no/such-model' });
    await world().api.finished(run.id);
    await world().api.command(run.id, 'messages', { content: 'again', reopen: true, model: 'script/echo' });
    await world().api.finished(run.id);
    const frames = await shannon().frames(run.id);
    expect(names(frames).filter((name) => name === 'done')).toHaveLength(1);
    expect(names(frames)).toContain('WORKFLOW_FAILED');
    expect(names(frames).slice(-2)).toEqual(['WORKFLOW_COMPLETED', 'done']);
  });
});

describe('the socket', () => {
  verifies(['ws.events', 'ws.resume'], async () => {
    const taskId = await shannon().submit({ query: 'x', model_override: 'gated/m' });
    const live = connect(`workflow_id=${taskId}`);
    const call = await world().model.next();
    call.say('hello');
    await live.until('LLM_PARTIAL');
    call.end();
    await live.until('STREAM_END');
    const types = live.messages.map((event) => event.type);
    expect(types[0]).toBe('DATA_PROCESSING');
    expect(types.slice(-4)).toEqual(['LLM_OUTPUT', 'AGENT_COMPLETED', 'WORKFLOW_COMPLETED', 'STREAM_END']);
    const seqs = live.messages.map((event) => event.seq);
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    expect(live.socket.readyState).toBe(WebSocket.OPEN);

    const from = live.messages[3];
    const later = connect(`workflow_id=${taskId}&last_event_id=${from?.stream_id ?? ''}`);
    await later.until('STREAM_END');
    expect(later.messages).toEqual(live.messages.slice(4));
    const some = connect(`workflow_id=${taskId}&types=workflow.completed%2CWORKFLOW_COMPLETED`);
    await some.until('WORKFLOW_COMPLETED');
    expect(some.messages.map((event) => event.type)).toEqual(['WORKFLOW_COMPLETED']);
    for (const { socket } of [live, later, some]) socket.close();
  });

  verifies(['ws.refusals'], async () => {
    const statusOf = async (query: string, key?: string | null): Promise<number> => {
      const { socket } = connect(query, key);
      socket.on('error', () => undefined);
      const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
      socket.terminate();
      return response.statusCode;
    };
    expect(await statusOf('')).toBe(400);
    expect(await statusOf('workflow_id=x&last_event_id=abc')).toBe(400);
    expect(await statusOf('workflow_id=x', null)).toBe(401);
    const byQuery = connect(`workflow_id=${await ended()}&token=${shannon().key}`, null);
    await byQuery.until('STREAM_END');
    byQuery.socket.close();
    const unknown = connect(`workflow_id=${UNKNOWN}`);
    await unknown.until('ERROR_OCCURRED');
    await once(unknown.socket, 'close');
  });
});

describe('lists of events', () => {
  verifies(['events.list'], async () => {
    const taskId = await ended();
    const list = (query: string): Promise<{ events: { type: string; seq: number }[]; count: number }> =>
      shannon().ok('GET', `/api/v1/tasks/${taskId}/events?${query}`);
    const all = await list('');
    expect(all.events.map((event) => event.type)).not.toContain('LLM_PARTIAL');
    expect(all.events.at(-1)?.type).toBe('STREAM_END');
    expect(all.count).toBe(all.events.length);
    expect((await list('limit=2&offset=1')).events).toEqual(all.events.slice(1, 3));
    expect(await shannon().ok('GET', `/api/v1/tasks/${UNKNOWN}/events`)).toEqual({ events: [], count: 0 });
    expect((await shannon().request('GET', `/api/v1/tasks/${taskId}/events?limit=201`)).status).toBe(400);
    expect(runOf(taskId)).toMatch(/^[0-9a-f-]{36}$/);
  });

  verifies(['timeline.modes'], async () => {
    const taskId = await ended();
    const timeline = (
      query: string,
    ): Promise<{ events: { type: string; payload?: unknown }[]; stats: unknown }> =>
      shannon().ok('GET', `/api/v1/tasks/${taskId}/timeline?${query}`);
    const summary = await timeline('');
    expect(summary.events.map((event) => event.type)).toEqual([
      'WF_STARTED',
      'ACT_COMPLETED',
      'ACT_COMPLETED',
      'ACT_COMPLETED',
      'WF_COMPLETED',
    ]);
    expect(summary.stats).toEqual({ total: 5, mode: 'summary' });
    expect((await timeline('mode=full')).events.map((event) => event.type)).toContain('ACT_STARTED');
    expect((await timeline('include_payloads=true')).events[0]).toHaveProperty('payload');
    const persisted = await shannon().request('GET', `/api/v1/tasks/${taskId}/timeline?persist=true`);
    expect([persisted.status, persisted.body]).toEqual([
      202,
      { status: 'accepted', workflow_id: taskId, count: 5 },
    ]);
  });
});
