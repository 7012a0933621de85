import type { EventOf, Run, RunFlow, SavedFlowReply } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
// The flow is looked at, not carried out.
const LATER = '2090-01-01T00:00:00Z';
const SEND = { id: 'say', name: 'Say', type: 'send', text: 'hello {{name}}' };
const ASK = { id: 'ask', name: 'Ask', type: 'agent', prompt: '{{question}}' };

interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

async function created(run: Run): Promise<EventOf<'run.created'>['data']> {
  const [event] = await world().api.events(run.id);
  if (event?.type !== 'run.created') throw new Error('a log begins with run.created');
  return event.data;
}

async function start(body: Record<string, unknown>): Promise<Run> {
  return world().developer.call<Run>('POST', '/v1/runs', { startAt: LATER, ...body });
}

describe('saved flows', () => {
  verifies(['flows.crud'], async () => {
    const { developer } = world();
    const made = await developer.request<SavedFlowReply>('POST', '/v1/flows', {
      body: { name: 'A', description: 'about', steps: [SEND], metadata: { a: 1 } },
    });
    expect(made.status).toBe(201);
    const { id } = made.body;
    expect(id).toMatch(/^flow_/);
    const path = `/v1/flows/${id}`;
    expect(made.headers.get('location')).toBe(path);
    expect(made.body).toMatchObject({ name: 'A', description: 'about', steps: [SEND], version: 1 });
    expect(await world().viewer.call('GET', path)).toEqual(made.body);
    const patch = { name: 'B', metadata: { a: null, b: 2 } };
    const changed = await developer.call<SavedFlowReply>('PATCH', path, patch);
    expect(changed).toMatchObject({ id, name: 'B', steps: [SEND], metadata: { b: 2 }, version: 2 });
    expect((await developer.call<SavedFlowReply>('PATCH', path, patch)).version).toBe(2);
    expect(await developer.call('GET', `${path}?version=1`)).toEqual(made.body);
    const replaced = await developer.call<SavedFlowReply>('PATCH', path, { steps: [ASK] });
    expect(replaced).toMatchObject({ steps: [ASK], version: 3 });
    const list = await world().viewer.call<Page<SavedFlowReply>>('GET', '/v1/flows?limit=100&q=b');
    expect(list.data.find((flow) => flow.id === id)).toEqual(replaced);
    expect((await developer.request('DELETE', path)).status).toBe(204);
    expect((await developer.request('GET', path)).status).toBe(404);
    expect((await developer.request('POST', '/v1/runs', { body: { flow: id } })).status).toBe(404);
  });

  verifies(['flows.checked', 'start.flow-refused'], async () => {
    const { developer } = world();
    const nested = (depth: number): unknown =>
      depth === 0
        ? SEND
        : { id: `c${depth}`, name: 'c', type: 'condition', condition: 'true', then: [nested(depth - 1)] };
    const cases: [unknown[], string][] = [
      [[SEND, { ...ASK, id: 'say' }], '[1].id'],
      [[nested(11)], `[0]${'.then[0]'.repeat(10)}`],
      [[{ ...SEND, when: 'a ==' }], '[0].when'],
      [[{ ...SEND, text: '{{ name' }], '[0].text'],
      [[{ ...SEND, text: '{{secrets.key}}' }], '[0].text'],
      [[{ ...SEND, type: 'transform', script: 'return (', text: undefined }], '[0].script'],
      [[{ ...ASK, agent: { instructions: '{% if %}' } }], '[0].agent.instructions'],
      [[{ ...ASK, agent: { output: { type: 'nothing' } } }], '[0].agent.output'],
      [[{ id: 't', name: 't', type: 'tool', tool: { type: 'http', name: 't' } }], '[0].tool.http'],
      [
        [
          {
            id: 't',
            name: 't',
            type: 'tool',
            tool: { type: 'client', name: 't', inputSchema: { type: 'no' } },
          },
        ],
        '[0].tool.inputSchema',
      ],
      [[{ ...SEND, type: 'loop' }], '[0].type'],
      [[{ ...SEND, colour: 'red' }], '[0].colour'],
      [[], ''],
    ];
    for (const [steps, place] of cases) {
      const kept = await developer.refused('POST', '/v1/flows', { name: 'x', steps });
      expect([kept.status, kept.errors?.[0]?.path]).toEqual([422, `body.steps${place}`]);
      const run = await developer.refused('POST', '/v1/runs', { flow: { steps } });
      expect([run.status, run.errors?.[0]?.path]).toEqual([422, `body.flow.steps${place}`]);
    }
    const many = Array.from({ length: 150 }, (_, index) => ({ ...SEND, id: `s${index}` }));
    const condition = { id: 'c', name: 'c', type: 'condition', condition: 'true' };
    const both = [{ ...condition, then: many, else: many.map((step) => ({ ...step, id: `${step.id}e` })) }];
    expect(await developer.refused('POST', '/v1/flows', { name: 'x', steps: both })).toMatchObject({
      status: 422,
      errors: [{ path: 'body.steps', message: expect.stringContaining('200') as string }],
    });
    const flow = { steps: [SEND] };
    for (const [body, path] of [
      [{ flow, agent: {} }, 'body.flow'],
      [{ flow, tools: [] }, 'body.tools'],
      [{ flow, mode: 'external' }, 'body.mode'],
      [{ flow: 3 }, 'body.flow'],
    ] as const) {
      expect((await developer.refused('POST', '/v1/runs', body)).errors?.[0]?.path).toBe(path);
    }
    expect(await developer.refused('POST', '/v1/runs', { flow: 'flow_0' })).toMatchObject({ status: 404 });
    const fallback = { then: 'fail', fallbacks: [{ type: 'model', model: 'gated/of-no-price' }] };
    const limited = { flow: { steps: [{ ...ASK, onError: fallback }] }, limits: { maxCostUsd: 1 } };
    expect(await developer.refused('POST', '/v1/runs', limited)).toMatchObject({
      code: 'not_configured',
      detail: expect.stringContaining('gated/of-no-price') as string,
    });
  });
});

describe('starting a flow', () => {
  verifies(['start.flow'], async () => {
    const { developer } = world();
    const agent = await developer.call<{ id: string }>('POST', '/v1/agents', {
      name: 'Clerk',
      model: 'script/echo',
      limits: { maxTurns: 3 },
    });
    const steps = [
      { ...ASK, agent: agent.id },
      {
        id: 'if',
        name: 'If',
        type: 'condition',
        condition: 'true',
        then: [
          { ...ASK, id: 'inner', agent: { name: 'Inline', model: 'script/slow', limits: { maxTurns: 4 } } },
        ],
        else: [{ ...SEND, id: 'no' }],
      },
    ];
    const saved = await developer.call<SavedFlowReply>('POST', '/v1/flows', { name: 'Greeting', steps });
    const run = await start({ flow: saved.id, input: { name: 'Ada' }, limits: { maxTokens: 9 } });
    expect(run).toMatchObject({
      kind: 'flow',
      agent: null,
      flow: { id: saved.id, name: 'Greeting' },
      limits: { maxTurns: 7, maxTokens: 9 },
      input: { name: 'Ada' },
    });
    await developer.call('PATCH', `/v1/agents/${agent.id}`, { model: 'script/slow' });
    await developer.call('PATCH', `/v1/flows/${saved.id}`, { steps: [SEND] });
    const { flow } = await created(run);
    const pinned = flow as unknown as RunFlow;
    expect(pinned).toMatchObject({ id: saved.id, version: 1, name: 'Greeting' });
    expect(pinned.steps[0]).toMatchObject({
      ...ASK,
      agent: { id: agent.id, version: 1, name: 'Clerk', model: 'script/echo' },
    });
    expect(pinned.steps[1]).toMatchObject({
      then: [{ agent: { id: null, version: null, name: 'Inline', model: 'script/slow' } }],
      else: [{ ...SEND, id: 'no' }],
    });
    const listed = await world().viewer.call<Page<Run>>('GET', `/v1/runs?flow=${saved.id}`);
    expect(listed.data.map(({ id }) => id)).toEqual([run.id]);
    const inline = await start({ flow: { steps: [SEND] } });
    expect(inline.flow).toEqual({ id: null, name: 'flow' });
    for (const { id } of [run, inline]) await world().api.command(id, 'cancel');
  });

  verifies(['start.flow-model'], async () => {
    const script = [{ text: 'scripted' }];
    const own = [{ text: 'own' }];
    const steps = [ASK, { ...ASK, id: 'own', agent: { script: own } }];
    const models = async (body: Record<string, unknown>): Promise<unknown[]> => {
      const run = await start({ flow: { steps }, ...body });
      const { flow } = await created(run);
      await world().api.command(run.id, 'cancel');
      return (flow as unknown as RunFlow).steps.map((step) => {
        const { model, script: turns } = (step as { agent: { model: string; script?: unknown } }).agent;
        return [model, turns];
      });
    };
    expect(await models({ script })).toEqual([
      ['script/echo', script],
      ['script/inline', own],
    ]);
    expect(await models({ model: 'script/slow' })).toEqual([
      ['script/slow', undefined],
      ['script/slow', own],
    ]);
  });
});
