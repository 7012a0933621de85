import { describe, expect, it } from 'vitest';
import { createTestWorld, messaging, says, worldOf, type TestWorld } from './segment.fixture.ts';

function choices(world: TestWorld): unknown[] {
  return world.prompts.map(({ toolChoice }) => toolChoice);
}

describe('what an agent says of its model', () => {
  it('goes with every call', async () => {
    const world = worldOf([{ tool: 'look' }], [{ name: 'look' }]);
    const settings = { temperature: 0.2, reasoning: { effort: 'low' as const } };
    const run = world.start({ settings, parallelToolCalls: false, toolChoice: 'auto' });
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(world.prompts).toHaveLength(2);
    for (const prompt of world.prompts) {
      expect(prompt).toMatchObject({ settings, parallelToolCalls: false, toolChoice: 'auto' });
    }
  });

  it('requires a tool until one was called, so that the run comes to an end', async () => {
    const world = worldOf([{ tool: 'look' }], [{ name: 'look' }]);
    const run = world.start({ toolChoice: 'required' });
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(choices(world)).toEqual(['required', 'auto']);
  });

  it('requires a tool again in the next turn when the model has not called one', async () => {
    const world = createTestWorld({
      tools: [{ name: 'look' }],
      model: async ({ turn }) => {
        if (turn === 1) await world.send(run, messaging('And then?', 'queue'));
        return turn === 2 ? says('', { tool: 'look' }) : says('Done');
      },
    });
    const run = world.start({ toolChoice: 'required' });
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(choices(world)).toEqual(['required', 'required', 'auto']);
  });

  it('lets no tool be called, in any turn', async () => {
    const world = worldOf([{ tool: 'look' }], [{ name: 'look' }]);
    const run = world.start({ toolChoice: 'none' });
    await world.drive(run);
    expect(choices(world)).toEqual(['none', 'none']);
  });
});
