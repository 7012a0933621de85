import type { Run } from '@fermata/protocol';
import { describe, expect, test } from 'vitest';
import { childrenOf } from '../../world/delegating.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';

const world = sharedWorld();

const BROKEN = {
  id: 'ask',
  name: 'Ask',
  type: 'transform',
  script: 'throw new Error("no")',
  output: 'answer',
};
const ANOTHER = { steps: [{ id: 's', name: 'S', type: 'send', text: 'For {{ user_message }}: {{ tone }}' }] };
const END = { id: 'end', name: 'End', type: 'send', text: 'It said: {{ answer }}' };

function startWith(flow: unknown, then: 'fail' | 'continue' = 'fail'): Promise<Run> {
  const api = world().api;
  const onError = { then, fallbacks: [{ type: 'flow', flow }] };
  const tone = { id: 'tone', name: 'Tone', type: 'set', variable: 'tone', value: 'calm' };
  return api.start({ input: 'Ada', flow: { name: 'f', steps: [tone, { ...BROKEN, onError }, END] } });
}

describe('a flow in place of a step that has failed', () => {
  test('is a child run that knows what the step would have known, and its output is the step’s', async () => {
    const { id } = await startWith(ANOTHER);
    const run = await world().api.finished(id);
    expect(run.output).toBe('It said: For Ada: calm');
    expect(only(await childrenOf(world().api, id)).status).toBe('succeeded');
    const events = await world().api.events(id);
    const completed = events.find((event) => event.type === 'step.completed' && event.data.stepId === 'ask');
    expect(completed?.data).toMatchObject({ fallback: { type: 'flow', attempts: 1 } });
  });

  test('may be a saved one', async () => {
    const saved = await world().api.call<{ id: string }>('POST', '/v1/flows', { name: 'other', ...ANOTHER });
    const run = await world().api.finished((await startWith(saved.id)).id);
    expect(run.output).toBe('It said: For Ada: calm');
  });

  test('that fails too fails the step, and so does one that a person cancels', async () => {
    const failed = await world().api.finished((await startWith({ steps: [BROKEN] })).id);
    expect(failed.error?.code).toBe('step_failed');
    const wait = { steps: [{ id: 'w', name: 'W', type: 'wait', delayMs: 600_000 }] };
    const { id } = await startWith(wait, 'continue');
    const child = only(await childrenOf(world().api, id));
    await world().api.call('POST', `/v1/runs/${child.id}/cancel`, { reason: 'enough' });
    const run = await world().api.finished(id);
    expect(run.output).toBe('It said: ');
    expect(await childrenOf(world().api, id)).toHaveLength(1);
  });

  test('is refused where it is none', async () => {
    const step = { ...BROKEN, onError: { then: 'fail', fallbacks: [{ type: 'flow', flow: { steps: [] } }] } };
    const problem = await world().api.refused('POST', '/v1/runs', { flow: { steps: [step] } });
    expect(problem.status).toBe(422);
    expect(JSON.stringify(problem)).toContain('fallbacks[0].flow.steps');
  });
});
