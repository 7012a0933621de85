import { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  anthropicFrames,
  chatCall,
  chatFrames,
  sse,
  startProviderServer,
  status,
  type ProviderServer,
  type Reply,
} from '../../../packages/server/src/agent/models/provider-server.fixture.ts';
import type { Body } from '../../world/api-client.ts';
import { only } from '../../world/only.ts';
import { testWorld, type World } from '../../world/server.ts';

const KEY = 'sk-test-abcdefghijklmnop';
const STALL_MS = 300;

let provider: ProviderServer;
let world: World;

beforeAll(async () => {
  provider = await startProviderServer(status(500, {}));
  world = await testWorld({
    env: {
      OPENAI_API_KEY: KEY,
      OPENAI_BASE_URL: `${provider.url}/v1`,
      ANTHROPIC_API_KEY: KEY,
      ANTHROPIC_BASE_URL: `${provider.url}/v1`,
      FERMATA_MODEL_STALL_MS: String(STALL_MS),
    },
  });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});

/** What the provider answers from now on, the last one again and again. */
function replies(...list: Reply[]): void {
  provider.replies.splice(0, Infinity, ...list);
  provider.seen.length = 0;
}

const LOOKUP = { type: 'client', name: 'lookup', inputSchema: { type: 'object' } };
const NOW = { 'retry-after-ms': '0' };

interface Wire {
  model: string;
  text(text: string): Reply;
  call: Reply;
  begun(end: 'cut' | 'hang'): Reply;
  error(code: number, headers?: Record<string, string>): Reply;
  keyHeader: [string, string];
}

const wires: Wire[] = [
  {
    model: 'openai/gpt-x',
    text: (text) =>
      sse(chatFrames([{ role: 'assistant', content: text.slice(0, 3) }, { content: text.slice(3) }])),
    call: sse(chatFrames([chatCall(0, 'call_provider', 'lookup', '{"city":"Oslo"}')], 'tool_calls')),
    begun: (end) => sse(chatFrames([{ role: 'assistant', content: 'Half of ' }], null), end),
    error: (code, headers) => status(code, { error: { message: `no: ${KEY}`, type: 'x' } }, headers),
    keyHeader: ['authorization', `Bearer ${KEY}`],
  },
  {
    model: 'anthropic/claude-x',
    text: (text) => sse(anthropicFrames([{ type: 'text', deltas: [text.slice(0, 3), text.slice(3)] }])),
    call: sse(
      anthropicFrames(
        [{ type: 'tool_use', id: 'toolu_1', name: 'lookup', deltas: ['{"city":', '"Oslo"}'] }],
        'tool_use',
      ),
    ),
    begun: (end) => sse(anthropicFrames([{ type: 'text', deltas: ['Half of '] }], null), end),
    error: (code, headers) =>
      status(code, { type: 'error', error: { type: 'x', message: `no: ${KEY}` } }, headers),
    keyHeader: ['x-api-key', KEY],
  },
];

describe.each(wires)('a run with $model', (wire) => {
  const start = (more: Body = {}): ReturnType<World['api']['start']> =>
    world.api.start({ model: wire.model, input: 'Hello there', ...more });

  it('streams what the provider says, and counts what it cost', async () => {
    replies(wire.text('Hello back'));
    const run = await start();
    const deltas: string[] = [];
    for await (const frame of world.api.stream(run.id, { until: 'finished', types: 'message.delta' })) {
      if (frame.event === 'message.delta') deltas.push((frame.data as { data: { text: string } }).data.text);
    }
    expect(deltas.join('')).toBe('Hello back');
    expect(await world.api.run(run.id)).toMatchObject({
      status: 'succeeded',
      output: 'Hello back',
      usage: { turns: 1, inputTokens: 11, outputTokens: 7, byModel: { [wire.model]: { turns: 1 } } },
    });
    const [name, value] = wire.keyHeader;
    expect(provider.seen[0]?.headers[name]).toBe(value);
  });

  it('calls a tool, and the provider hears the result under its own id of the call', async () => {
    replies(wire.call, wire.text('cold'));
    const run = await start({ tools: [LOOKUP] });
    await world.api.reaches(run.id, 'waiting');
    const wait = only(await world.api.openWaits(run.id));
    expect(wait).toMatchObject({ tool: 'lookup', args: { city: 'Oslo' } });
    expect(wait.callId).toMatch(/^call_[0-9a-z]+_1_1$/);
    await world.api.answer(wait.id, { output: 'minus three' });
    expect(await world.api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'cold' });
    const second = JSON.stringify(provider.seen[1]?.body);
    expect(second).toContain('minus three');
    expect(second).toMatch(/call_provider|toolu_1/);
    expect(second).not.toContain(wait.callId);
  });

  it('waits as long as a 429 asks, and tries again', async () => {
    replies(wire.error(429, { 'retry-after': '1' }), wire.text('now then'));
    const run = await start();
    expect(await world.api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'now then' });
    const failed = only((await world.api.events(run.id)).filter((event) => event.type === 'turn.failed'));
    expect(failed.data).toMatchObject({ turn: 1, attempt: 1, error: { code: 'provider_failed' } });
    const { retryAfterMs } = failed.data as { retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThanOrEqual(1_000);
    const again = (await world.api.events(run.id)).filter((event) => event.type === 'turn.started')[1];
    expect(Date.parse(again?.at ?? '') - Date.parse(failed.at)).toBeGreaterThanOrEqual(950);
  });

  it('tries again after a 500', async () => {
    replies(wire.error(500, NOW), wire.error(503, NOW), wire.text('third time'));
    const run = await start();
    expect(await world.api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'third time' });
    expect(provider.seen).toHaveLength(3);
  });

  it('gives up a provider that goes silent, and tries again', async () => {
    replies(wire.begun('hang'), wire.text('a whole answer'));
    const run = await start();
    expect(await world.api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'a whole answer' });
    expect(await tries(run.id)).toEqual(['1/1', '1/2']);
  });

  it('tries again when the stream is cut, and the half answer is no part of the conversation', async () => {
    replies(wire.begun('cut'), wire.text('a whole answer'));
    const run = await start();
    expect(await world.api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'a whole answer' });
    expect(JSON.stringify(await world.api.messages(run.id))).not.toContain('Half of');
    expect(await tries(run.id)).toEqual(['1/1', '1/2']);
  });

  it('fails when the retries are used up, and says nothing of the key', async () => {
    replies(wire.error(503, NOW));
    const run = await start();
    const failed = await world.api.reaches(run.id, 'failed');
    expect(failed.error?.code).toBe('provider_failed');
    expect(failed.error?.message).toContain('503');
    expect(provider.seen.length).toBeGreaterThan(2);
    expect(await tries(run.id)).toHaveLength(provider.seen.length);
    replies(wire.text('back again'));
    await world.api.command(run.id, 'retry');
    expect(await world.api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'back again' });
  });

  it('holds when the retries are used up, where the run says so; the resume tries anew', async () => {
    replies(wire.error(429, NOW));
    const run = await start({ onProviderFailure: 'hold' });
    expect((await world.api.reaches(run.id, 'paused')).holds).toMatchObject([{ name: 'provider' }]);
    replies(wire.error(429, NOW), wire.text('at last'));
    await world.api.command(run.id, 'resume');
    expect(await world.api.reaches(run.id, 'succeeded')).toMatchObject({ output: 'at last' });
  });

  it('does not try again what cannot work', async () => {
    replies(wire.error(401));
    const run = await start();
    expect((await world.api.reaches(run.id, 'failed')).error?.code).toBe('provider_failed');
    expect(provider.seen).toHaveLength(1);
  });

  it('is aborted at the provider by a cancel', async () => {
    const closed = new Promise<void>((resolve) => {
      replies((response, request) => {
        response.once('close', resolve);
        return wire.begun('hang')(response, request);
      });
    });
    const run = await start();
    await world.api.event(run.id, 'message.delta');
    await world.api.command(run.id, 'cancel');
    await closed;
  });
});

describe('provider keys', () => {
  it('are in no reply and no log, although the provider repeats them', () => {
    expect(world.replies.join('\n')).not.toContain(KEY);
    expect(world.logs.join('\n')).not.toContain(KEY);
  });

  it('that are missing fail the run before any turn', async () => {
    await using bare = await testWorld();
    for (const model of ['openai/gpt-x', 'anthropic/claude-x', 'google/gemini-x', 'gpt-x', 'claude-x']) {
      const run = await bare.api.start({ model, input: 'x' });
      const failed = await bare.api.reaches(run.id, 'failed');
      expect(failed).toMatchObject({
        error: { code: 'provider_not_configured' },
        turn: 0,
        usage: { turns: 0 },
      });
      expect(await bare.api.types(run.id)).not.toContain('turn.started');
    }
  });
});

describe('an implementation of the wires that is not ours', () => {
  const mock = new LLMock({ port: 0 });
  beforeAll(async () => {
    mock.onMessage('greet me', { content: 'Hello from the other side.' });
    mock.onMessage('weather', { toolCalls: [{ name: 'lookup', arguments: '{"city":"Oslo"}' }] });
    await mock.start();
  });
  afterAll(() => mock.stop());

  it.each(['openai/gpt-4o', 'anthropic/claude-sonnet-4-5'])('is understood: %s', async (model) => {
    await using other = await testWorld({
      env: {
        OPENAI_API_KEY: KEY,
        OPENAI_BASE_URL: `${mock.url}/v1`,
        ANTHROPIC_API_KEY: KEY,
        ANTHROPIC_BASE_URL: `${mock.url}/v1`,
      },
    });
    const said = await other.api.start({ model, input: 'greet me' });
    expect(await other.api.reaches(said.id, 'succeeded')).toMatchObject({
      output: 'Hello from the other side.',
    });
    const asked = await other.api.start({ model, input: 'weather', tools: [LOOKUP] });
    await other.api.reaches(asked.id, 'waiting');
    expect(only(await other.api.openWaits(asked.id))).toMatchObject({
      tool: 'lookup',
      args: { city: 'Oslo' },
    });
    await other.api.command(asked.id, 'cancel');
  });
});

async function tries(runId: string): Promise<string[]> {
  const events = await world.api.events(runId);
  return events.flatMap((event) =>
    event.type === 'turn.started' ? [`${event.data.turn}/${event.data.attempt}`] : [],
  );
}
