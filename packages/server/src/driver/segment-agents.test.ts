import { describe, expect, it } from 'vitest';
import { createModels } from '../agent/models/models.ts';
import { createToolbox } from '../agent/tools/toolbox.ts';
import type { GuardedFetch } from '../outgoing/guarded-fetch.ts';
import { answering, createTestWorld, eventsOf, fails, type TestWorld } from './segment.fixture.ts';

const noFetch: GuardedFetch = async () => await Promise.reject(new Error('nothing is to be fetched'));

/** A world with the scripted models and the tools that a server has. */
function scriptedWorld(): TestWorld {
  const models = createModels({
    providers: { compatible: {} },
    aliases: {},
    unknownModel: 'fail',
    defaultModel: 'script/echo',
    stallMs: 1_000,
    sleep: (ms, signal) => world.clock.sleep(ms, signal),
  });
  const world = createTestWorld({
    model: () => fails({ kind: 'aborted' }),
    deps: {
      models,
      openToolbox: ({ definition: { agent }, secrets }) =>
        createToolbox({
          tools: agent?.tools ?? [],
          mcpServers: agent?.mcpServers ?? [],
          secrets,
          fetch: noFetch,
          defaultTimeoutMs: 60_000,
        }),
    },
  });
  return world;
}

describe('a run of a built-in script', () => {
  it('echoes', async () => {
    const world = scriptedWorld();
    const run = world.start({ model: 'script/echo' }, { input: 'Good day' });
    await world.drive(run);
    expect(eventsOf(run, 'run.succeeded')[0]?.output).toBe('Good day');
    expect(
      eventsOf(run, 'message.delta')
        .map(({ text }) => text)
        .join(''),
    ).toBe('Good day');
  });

  it('goes through its approval', async () => {
    const world = scriptedWorld();
    const run = world.start({
      model: 'script/approval',
      tools: [{ type: 'builtin', name: 'record_note', approval: 'always' }],
    });
    await world.drive(run);
    expect(run.state.waits).toMatchObject([{ kind: 'approval', tool: 'record_note' }]);
    await world.send(run, answering(run, { decision: 'approve' }));
    await world.drive(run);
    expect(eventsOf(run, 'run.succeeded')[0]?.output).toMatch(/^record_note returned/);
  });

  it('streams slowly, sleeps, and streams again', async () => {
    const world = scriptedWorld();
    const run = world.start({ model: 'script/slow', tools: [{ type: 'builtin', name: 'sleep_until' }] });
    await world.drive(run);
    expect(run.state.waits).toMatchObject([{ kind: 'timer' }]);
    expect(eventsOf(run, 'message.delta').length).toBeGreaterThan(30);
    await world.send(run, answering(run, { outcome: 'fire' }));
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
  });

  it('fails before any turn when nobody answers for its model', async () => {
    const world = scriptedWorld();
    const run = world.start({ model: 'gpt-9' });
    await world.drive(run);
    expect(eventsOf(run, 'run.failed')[0]?.error.code).toBe('provider_not_configured');
  });
});
