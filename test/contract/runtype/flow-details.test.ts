import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { frameOf, RuntypeClient, textIn, type RuntypeFrame } from './runtype-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const runtype = (): RuntypeClient => RuntypeClient.of(world());
const USER = { role: 'user', content: 'hello' };

type Step = Record<string, unknown>;

const step = (type: string, config: Step, more: Step = {}): Step => ({ name: type, type, config, ...more });
const say = (message: string): Step => step('send-stream', { message });
const run = (steps: Step[]): Promise<RuntypeFrame[]> =>
  runtype().dispatch({ flow: { name: 'Test', steps }, messages: [USER] });

function ends(frames: readonly RuntypeFrame[]): Record<string, unknown>[] {
  return frames.filter(({ event }) => event === 'step_complete').map(({ data }) => data);
}

describe('a flow, in detail', () => {
  verifies(['flow.order'], async () => {
    const inner = { ...say('b'), id: 'step_3' };
    const frames = await run([
      { ...say('a'), id: 'step_2' },
      step('conditional', { condition: 'true', trueSteps: [inner] }),
      say('c'),
      say('d'),
    ]);
    expect(textIn(frames)).toBe('abcd');
    const ids = ends(frames).map(({ id }) => id);
    expect(new Set(ids).size).toBe(5);
    expect(ids).toEqual(expect.arrayContaining(['step_2', 'step_3']));
  });

  verifies(['resume.json'], async () => {
    const reply = await runtype().request('POST', '/v1/dispatch', {
      body: {
        flow: { name: 'f', steps: [step('transform-data', { script: 'return null' })] },
        messages: [USER],
        options: { streamResponse: false },
      },
    });
    expect(reply.body).toMatchObject({ success: true, status: 'completed', finalOutput: null });
    expect(reply.body).not.toHaveProperty('result');
  });

  verifies(['flow.order'], async () => {
    const frames = await run([say('[{{_user.id}}] [{{_agent.id}}]')]);
    expect(textIn(frames)).toMatch(/^\[[^\]]+\] \[\]$/);
    expect(frameOf(frames, 'step_complete')).not.toHaveProperty('unresolvedVariables');
  });
});
