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

  verifies(['flow.failure'], async () => {
    const fails = (fallbacks: Step[]): Step =>
      step(
        'transform-data',
        { script: 'throw new Error("broken")', errorHandling: { onError: 'fallback', fallbacks } },
        { id: 'weak' },
      );
    const retry = { type: 'retry' };
    const told = (frames: readonly RuntypeFrame[]): unknown[] =>
      frames.filter(({ event }) => event === 'custom').map(({ data }) => data['value']);
    const broken = expect.stringContaining('broken') as string;
    const tried = { attempt: 1, type: 'retry', success: false, error: broken };

    const saved = await run([fails([retry, { type: 'message', message: 'instead' }])]);
    expect(frameOf(saved, 'step_complete')).toMatchObject({
      success: true,
      fallback: {
        used: true,
        exhausted: false,
        attempts: [tried, { attempt: 2, type: 'message', success: true }],
      },
    });
    expect(told(saved)).toEqual([
      { phase: 'start', stepId: 'weak', attempt: 1, type: 'retry', success: false },
      { phase: 'start', stepId: 'weak', attempt: 2, type: 'message', success: false },
      { phase: 'complete', stepId: 'weak', attempt: 2, type: 'message', success: true },
    ]);

    const lost = await run([fails([retry])]);
    expect(frameOf(lost, 'step_complete')).toMatchObject({
      success: false,
      error: broken,
      fallback: { used: true, exhausted: true, attempts: [tried] },
    });
    expect(told(lost).at(-1)).toMatchObject({ phase: 'exhausted', stepId: 'weak', attempt: 1 });
    expect(lost.at(-1)?.event).toBe('execution_error');
  });

  verifies(['flow.wait'], async () => {
    const frames = await run([step('wait-until', { delayMs: 30 }), say('later')]);
    const [waited, said] = ends(frames);
    expect(waited?.['durationMs']).toBeGreaterThan(0);
    // Begun and ended at once: how long it took is not known.
    expect(said).not.toHaveProperty('durationMs');
  });

  verifies(['flow.bad-input'], async () => {
    for (const [one, path] of [
      [say('{% if %}'), 'flow.steps[0].config.message'],
      [
        step('send-stream', { message: 'a', outputVariable: 'not a name' }),
        'flow.steps[0].config.outputVariable',
      ],
      [step('transform-data', { script: 'return (' }), 'flow.steps[0].config.script'],
      [
        step('conditional', { condition: 'true', falseSteps: [say('{% if %}')] }),
        'flow.steps[0].config.falseSteps[0].config.message',
      ],
    ] as const) {
      const { status, body } = await runtype().request('POST', '/v1/dispatch', {
        body: { flow: { name: 'f', steps: [one] } },
      });
      expect(status).toBe(400);
      expect(body).toMatchObject({
        error: expect.stringContaining(`${path}: `) as string,
        details: [{ path, code: 'INVALID_VALUE' }],
      });
    }
  });
});
