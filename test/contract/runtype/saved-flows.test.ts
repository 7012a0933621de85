import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { newClientToken, Page } from './client-page.ts';
import { frameOf, RuntypeClient, textIn, types } from './runtype-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const developer = (): RuntypeClient => RuntypeClient.of(world(), world().developer.key);

type Flow = Record<string, unknown> & { id: string; steps: Record<string, unknown>[] };

const STEPS = [
  {
    id: 'shout',
    name: 'Shout',
    type: 'transform-data',
    config: {
      script: 'return input.user_message.toUpperCase();',
      outputVariable: 'loud',
      sandboxProvider: 'quickjs',
    },
  },
  {
    name: 'Say',
    type: 'send-stream',
    enabled: true,
    when: 'loud.length > 0',
    config: { message: 'You said {{loud}}' },
  },
];
const FULL = { name: 'Echoing', description: 'Shouts', sampleMetadata: { a: 1 }, steps: STEPS };

async function save(body: Record<string, unknown>): Promise<Flow> {
  const reply = await developer().request<Flow>('POST', '/v1/flows', { body });
  expect([reply.status, reply.status === 201 ? '' : reply.text]).toEqual([201, '']);
  return reply.body;
}

describe('saved flows', () => {
  verifies(['flows.crud'], async () => {
    const created = await save(FULL);
    const [first, second] = STEPS;
    expect(created).toMatchObject({ ...FULL, steps: [first, { ...second, id: 'step-2' }] });
    expect(created).toMatchObject({
      id: expect.stringMatching(/^flow_/) as string,
      organizationId: '1',
      stepCount: 2,
      lastRunAt: null,
      flowSteps: [
        { id: 'shout', order: 0 },
        { id: 'step-2', order: 1 },
      ],
    });
    const path = `/v1/flows/${created.id}`;
    expect((await developer().request<Flow>('GET', path)).body).toEqual(created);
    const renamed = await developer().request<Flow>('PUT', path, {
      body: { name: 'Louder', description: null },
    });
    expect(renamed.body).toMatchObject({ name: 'Louder', description: null, sampleMetadata: { a: 1 } });
    expect(renamed.body.steps).toEqual(created.steps);
    const shorter = await developer().request<Flow>('PUT', path, { body: { flowSteps: [first] } });
    expect(shorter.body).toMatchObject({ name: 'Louder', stepCount: 1, steps: [first] });
    expect(await world().api.call('GET', path)).toMatchObject({
      name: 'Louder',
      steps: [{ id: 'shout' }],
      version: 3,
    });

    const other = await save({ name: 'Louder still', flowSteps: STEPS });
    const page = await developer().request<{ data: Flow[]; pagination: Record<string, unknown> }>(
      'GET',
      '/v1/flows?search=loud&limit=1&includeCount=true',
    );
    expect(page.body.data).toMatchObject([{ id: other.id, name: 'Louder still', stepCount: 2 }]);
    expect(page.body.pagination).toMatchObject({ hasMore: true, totalCount: 2 });
    const viewer = RuntypeClient.of(world(), world().viewer.key);
    expect((await viewer.request('GET', path)).status).toBe(200);
    expect((await viewer.request('DELETE', path)).status).toBe(403);
    const stranger = RuntypeClient.of(world(), world().stranger.key);
    expect((await stranger.request('GET', path)).status).toBe(404);
    expect((await developer().request('DELETE', path)).status).toBe(204);
    expect((await developer().request('GET', path)).status).toBe(404);
  });

  verifies(['flows.dispatch'], async () => {
    const flow = await save(FULL);
    const messages = [{ role: 'user', content: 'hello' }];
    const frames = await developer().dispatch({ flowId: flow.id, messages });
    expect(frameOf(frames, 'execution_start')).toMatchObject({
      kind: 'flow',
      flowId: flow.id,
      flowName: 'Echoing',
    });
    expect(textIn(frames)).toBe('You said HELLO');
    const rows = await developer().request<{ data: Record<string, unknown>[] }>(
      'GET',
      `/v1/agents/${flow.id}/executions`,
    );
    expect(rows.body.data).toMatchObject([{ agentId: flow.id, agentSource: null, status: 'completed' }]);

    const page = new Page(world(), await newClientToken(world(), { target: flow.id }));
    const init = await page.post('init', { token: page.token, flowId: flow.id });
    expect(init.body).toMatchObject({ targetId: flow.id, flow: { id: flow.id, name: 'Echoing' } });
    const answer = await page.frames('chat', { sessionId: init.body['sessionId'], messages });
    expect(types(answer).at(-1)).toBe('execution_complete');
    expect(textIn(answer)).toBe('You said HELLO');
  });

  verifies(['flows.refusals'], async () => {
    const step = (over: Record<string, unknown>): Record<string, unknown> => ({
      steps: [{ ...STEPS[1], ...over }],
    });
    const nested = { condition: 'true', trueSteps: [{ id: 'in', name: 'In', type: 'crawl', config: {} }] };
    const bad: [Record<string, unknown>, number, string][] = [
      [{ steps: undefined }, 400, 'steps'],
      [{ steps: [] }, 400, 'steps'],
      [step({ type: 'send-email' }), 422, 'steps[0].type'],
      [step({ type: 'conditional', config: nested }), 422, 'steps[0].config.trueSteps[0].type'],
      [step({ type: 'conditional', config: {} }), 400, 'steps[0].config.condition'],
      [step({ id: 'with space' }), 400, 'steps[0].id'],
      [{ steps: [STEPS[0], STEPS[0]] }, 400, 'steps[1].id'],
      [step({ when: 'loud.length >' }), 400, 'steps[0].when'],
      [step({ config: { message: '{{ loud' } }), 400, 'steps[0].config.message'],
    ];
    for (const [over, status, path] of bad) {
      const reply = await developer().request<{ details?: { path: string }[] }>('POST', '/v1/flows', {
        body: { ...FULL, ...over },
      });
      expect([over, reply.status, reply.body.details?.[0]?.path]).toEqual([over, status, path]);
    }
    const large = { ...FULL, sampleMetadata: { x: 'x'.repeat(70_000) } };
    expect((await developer().request('POST', '/v1/flows', { body: large })).status).toBe(413);
  });

  verifies(['flows.native'], async () => {
    const { api } = world();
    const native = await api.call<{ id: string }>('POST', '/v1/flows', {
      name: 'Native',
      steps: [{ id: 'wait', name: 'Wait', type: 'wait', delayMs: 1000 }],
    });
    const path = `/v1/flows/${native.id}`;
    const shown = await developer().request<Flow>('GET', path);
    expect(shown.body).toMatchObject({ name: 'Native', steps: [{ id: 'wait', name: 'Wait', type: 'wait' }] });
    await developer().request('PUT', path, { body: { name: 'Renamed' } });
    expect(await api.call('GET', path)).toMatchObject({
      name: 'Renamed',
      steps: [{ type: 'wait', delayMs: 1000 }],
    });
    await developer().request('PUT', path, { body: { steps: STEPS } });
    expect(await api.call('GET', path)).toMatchObject({ steps: [{ type: 'transform' }, { type: 'send' }] });
  });
});
