import type { AgentFields, JsonObject } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { comesTo } from '../../world/delegating.ts';
import { sharedWorld } from '../../world/server.ts';

const world = sharedWorld();

const FIELDS: AgentFields = {
  settings: { temperature: 0.5, seed: 3, reasoning: { effort: 'low' } },
  toolChoice: 'auto',
  parallelToolCalls: false,
  fallbacks: [
    { type: 'retry', delayMs: 1 },
    { type: 'output', output: 'I am sorry.' },
  ],
  tools: [
    { type: 'builtin', name: 'record_note', maxCalls: 2, mustCall: true },
    { type: 'run', name: 'ask', run: { agent: { model: 'script/echo' } } },
  ],
};
const BROKEN = { settings: { temperature: 3 }, tools: [{ type: 'run', name: 'ask' }] };

describe('what an agent says of its model and tools', () => {
  it('is kept in a saved agent, with each of its versions, and pinned in its runs', async () => {
    const { api } = world();
    const saved = await api.call<{ id: string }>('POST', '/v1/agents', { name: 'all', ...FIELDS });
    expect(saved).toMatchObject(FIELDS);
    const changed = await api.call('PATCH', `/v1/agents/${saved.id}`, { toolChoice: 'none', fallbacks: [] });
    expect(changed).toMatchObject({ ...FIELDS, toolChoice: 'none', fallbacks: [], version: 2 });
    const run = await api.start({ agent: saved.id, input: 'Hello', model: 'script/echo' });
    await api.reaches(run.id, 'succeeded');
    const [created] = await api.events(run.id);
    expect(created?.data).toMatchObject({ agent: { ...FIELDS, toolChoice: 'none', fallbacks: [] } });
  });

  it('is refused with its place wherever an agent may stand', async () => {
    const { api } = world();
    const nested = { tools: [{ type: 'run', name: 'ask', run: { agent: BROKEN } }] };
    const schedule = { name: 'daily', cron: '0 8 * * *', run: { agent: BROKEN, input: 'x' } };
    const saved = await api.call<{ id: string }>('POST', '/v1/agents', { name: 'whole' });
    for (const [method, path, body, place] of [
      ['POST', '/v1/agents', { name: 'x', ...BROKEN }, 'body.settings.temperature'],
      ['PATCH', `/v1/agents/${saved.id}`, BROKEN, 'body.settings.temperature'],
      ['POST', '/v1/runs', { agent: BROKEN, input: 'x' }, 'body.agent.settings.temperature'],
      ['POST', '/v1/runs', { agent: nested }, 'body.agent.tools[0].run.agent.settings.temperature'],
      ['POST', '/v1/schedules', schedule, 'body.run.agent.settings.temperature'],
      ['POST', '/v1/runs', { tools: BROKEN.tools }, 'body.tools[0].run'],
    ] as [string, string, JsonObject, string][]) {
      const problem = await api.refused(method, path, body);
      expect([problem.status, problem.errors?.[0]?.path]).toEqual([422, place]);
    }
  });

  it('needs a price for every model of a run whose cost is limited', async () => {
    const fallbacks = [{ type: 'model', model: 'gated/unknown' }];
    const refused = await world().api.refused('POST', '/v1/runs', {
      agent: { model: 'script/echo', fallbacks },
      input: 'x',
      limits: { maxCostUsd: 1 },
    });
    expect(refused).toMatchObject({ status: 409, code: 'not_configured' });
    expect(refused.detail).toContain('gated/unknown');
  });

  it('has a failing provider answered for by a fallback, and its log says which', async () => {
    const { api } = world();
    const agent = {
      model: 'script/broken',
      script: [{ error: { status: 400, message: 'out of order' } }],
      fallbacks: [{ type: 'retry' }, { type: 'output', output: 'I am sorry.' }],
    };
    const run = await api.start({ agent, input: 'Hello' });
    const ended = await api.reaches(run.id, 'succeeded');
    expect(ended).toMatchObject({ output: 'I am sorry.', usage: { turns: 1, costUsd: 0 } });
    const events = await api.events(run.id);
    const tried = events.flatMap(({ type, data }) =>
      type === 'turn.started' && 'through' in data ? [data.fallback] : [],
    );
    expect(tried).toEqual([undefined, 0, 1]);
    expect((await api.messages(run.id)).at(-1)?.parts).toEqual([{ type: 'text', text: 'I am sorry.' }]);
  });

  it('sends its settings to the provider', async () => {
    const { api, model } = world();
    const run = await api.start({
      agent: { model: 'gated/x', settings: { temperature: 0.5 }, parallelToolCalls: false },
      input: 'Hello',
    });
    const call = await model.next();
    call.say('Hi');
    call.end();
    await api.reaches(run.id, 'succeeded');
    expect(call.body).toMatchObject({ temperature: 0.5, parallel_tool_calls: false });
  });

  it('is foretold by a preview: a tool that must be called takes one more turn', async () => {
    const { api } = world();
    const { model } = world();
    const tools = [{ type: 'builtin', name: 'record_note', mustCall: true }];
    const run = await api.start({ agent: { model: 'gated/x', tools }, input: 'Hello' });
    const first = await model.next();
    await api.command(run.id, 'pause');
    first.say('Done.');
    first.end();
    await comesTo(api, run.id, 'paused');
    const { preview } = await api.call<{ preview: { next: string; turn: object } }>(
      'POST',
      `/v1/runs/${run.id}/resume?dryRun=true`,
      {},
    );
    expect(preview).toMatchObject({ next: 'turn', turn: { number: 2, attempt: 1, when: 'now' } });
    await api.command(run.id, 'resume');
    const forced = await model.next();
    expect(forced.body).toMatchObject({ tool_choice: { function: { name: 'record_note' } } });
    forced.ask({ tool: 'record_note', args: { text: 'seen' } });
    const last = await model.next();
    expect(last.body).not.toHaveProperty('tool_choice.function');
    last.say('Noted.');
    last.end();
    const ended = await api.finished(run.id);
    expect(ended).toMatchObject({ status: 'succeeded', output: 'Noted.', usage: { turns: 3 } });
  });
});
