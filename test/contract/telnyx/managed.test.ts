import { describe, expect } from 'vitest';
import { only } from '../../world/only.ts';
import { startMcpTarget } from '../../world/mcp-target.ts';
import { sharedWorld } from '../../world/server.ts';
import { missionsOf, type Missions } from './telnyx-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
let once: Missions | null = null;
const missions = (): Missions => (once ??= missionsOf(world()));

interface Managed {
  rid: string;
  of: { mission_id: string };
}

async function managedRun(
  input?: Record<string, unknown>,
  fields: { model?: string; instructions?: string; tools?: object[] } = {},
): Promise<Managed> {
  const { tools = [], ...rest } = fields;
  const { data: mission } = await missions().create({
    name: 'managed',
    execution_mode: 'managed',
    model: 'gated/model',
    ...rest,
  });
  for (const body of tools) await missions().tools.createTool(mission.mission_id, { body });
  const { data: run } = await missions().runs.create(
    mission.mission_id,
    input === undefined ? {} : { input },
  );
  expect(run.input).toEqual(input);
  return { rid: run.run_id, of: { mission_id: mission.mission_id } };
}

async function eventsOf({
  rid,
  of,
}: Managed): Promise<{ type: string; payload?: Record<string, unknown> }[]> {
  const events = [];
  for await (const event of missions().runs.events.list(rid, of)) events.push(event);
  return events.reverse() as { type: string; payload?: Record<string, unknown> }[];
}

describe('a managed mission', () => {
  verifies(['managed.agent', 'managed.runs-itself', 'managed.events'], async () => {
    const { target, model, api } = world();
    const tools = [
      { type: 'function', function: { name: 'ask_client', parameters: { type: 'object', properties: {} } } },
      {
        type: 'webhook',
        webhook: {
          name: 'look_up',
          description: 'Looks up',
          url: `${target.url}/orders/{order}`,
          method: 'GET',
          headers: [{ name: 'x-origin', value: 'telnyx' }],
          path_parameters: { type: 'object', properties: { order: { type: 'string' } }, required: ['order'] },
          query_parameters: { type: 'object', properties: { full: { type: 'boolean' } } },
        },
      },
      { nonsense: true },
      { type: 'http', name: 'look_up', http: { url: 'http://127.0.0.1:1/twice' } },
    ];
    const input = { objective: 'Find order 7', budget: 5, messages: 'mine' };
    const run = await managedRun(input, { instructions: 'Be brief.', tools });
    const call = await model.next();
    expect(call.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Find order 7\n\n{"budget":5,"messages":"mine"}' },
    ]);
    expect((await missions().runs.retrieve(run.rid, run.of)).data.status).toBe('running');
    call.say('I look');
    call.ask({ tool: 'look_up', args: { order: 'a b', full: true } });
    const second = await model.next();
    second.say('Order 7 is on its way.');
    second.end();
    await api.reaches(run.rid, 'succeeded');
    const { data } = await missions().runs.retrieve(run.rid, run.of);
    expect(data).toMatchObject({
      status: 'succeeded',
      input,
      result_payload: { text: 'Order 7 is on its way.' },
      result_summary: 'Order 7 is on its way.',
    });
    expect(only(target.seen.filter((request) => request.path.startsWith('/orders')))).toMatchObject({
      method: 'GET',
      path: '/orders/a%20b?full=true',
    });
    const native = await api.call<{ agent: object }>('GET', `/v1/runs/${run.rid}`);
    expect(native).toMatchObject({ mode: 'managed', origin: 'telnyx', agent: { name: 'managed' } });
    expect((await eventsOf(run)).map((event) => event.type)).toEqual([
      'status_change',
      'message',
      'tool_call',
      'tool_result',
      'message',
      'status_change',
    ]);
    const event = (await eventsOf(run))[3];
    expect(event?.payload).toMatchObject({ tool: 'look_up', output: expect.anything() });
  });

  verifies(['managed.plan'], async () => {
    const { model, api } = world();
    const run = await managedRun();
    const first = await model.next();
    expect(first.messages.at(-1)).toMatchObject({ role: 'user', content: 'Begin.' });
    const steps = [
      { id: 'research', description: 'Find' },
      { id: 'write', description: 'Write', parent_id: 'research' },
    ];
    first.ask({ tool: 'create_plan', args: { steps } });
    (await model.next()).ask(
      { tool: 'update_step', args: { id: 'research', status: 'in_progress' } },
      { tool: 'update_step', args: { id: 'nowhere', status: 'completed' } },
      { tool: 'create_plan', args: { steps: [{ id: 'research', description: 'again' }] } },
    );
    const third = await model.next();
    expect(JSON.stringify(third.messages.slice(-3))).toMatch(/no step.*nowhere[\s\S]*another step.*research/);
    third.ask(
      { tool: 'update_step', args: { id: 'research', status: 'completed' } },
      { tool: 'create_plan', args: { steps: [{ id: 'send', description: 'Send' }] } },
    );
    const fourth = await model.next();
    fourth.say('done');
    fourth.end();
    await api.reaches(run.rid, 'succeeded');
    const { data } = await missions().runs.plan.retrieve(run.rid, run.of);
    expect(data).toMatchObject([
      { step_id: 'research', sequence: 1, status: 'completed' },
      { step_id: 'write', sequence: 2, status: 'pending', parent_step_id: 'research' },
      { step_id: 'send', sequence: 3, status: 'pending' },
    ]);
    const ofStep = await missions().runs.events.list(run.rid, { ...run.of, step_id: 'research' });
    expect(ofStep.data.map((event) => event.type).reverse()).toEqual(['step_started', 'step_completed']);
    const { data: native } = await api.call<{ data: object[] }>('GET', `/v1/runs/${run.rid}/plan`);
    expect(native).toMatchObject([{ id: 'research', status: 'completed' }, {}, {}]);
  });

  verifies(['managed.pause', 'managed.events'], async () => {
    const { model, api } = world();
    const tool = { name: 'pay', type: 'client', approval: 'always', inputSchema: { type: 'object' } };
    const run = await managedRun({ task: 'pay them' }, { tools: [tool] });
    const first = await model.next();
    const { runs } = missions();
    expect((await runs.pauseRun(run.rid, run.of)).data.status).toBe('paused');
    first.ask({ tool: 'pay', args: { amount: 5 } });
    await api.reaches(run.rid, 'paused');
    expect((await runs.resumeRun(run.rid, run.of)).data.status).toBe('running');
    await api.reaches(run.rid, 'waiting');
    expect((await runs.retrieve(run.rid, run.of)).data.status).toBe('running');
    expect((await runs.resumeRun(run.rid, run.of)).data.status).toBe('running');
    const approval = only(await api.openWaits(run.rid));
    const custom = await runs.events.list(run.rid, { ...run.of, type: 'custom' });
    expect(custom.data).toMatchObject([
      { payload: { wait_id: approval.id, kind: 'approval', prompt: approval.prompt } },
    ]);
    await api.answer(approval.id, { decision: 'approve', digest: approval.digest ?? '' });
    const output = await api.reaches(run.rid, 'waiting').then(async () => only(await api.openWaits(run.rid)));
    expect(output.kind).toBe('tool_output');
    await api.answer(output.id, { output: { paid: true } });
    const second = await model.next();
    second.say('Paid.');
    second.end();
    await api.reaches(run.rid, 'succeeded');
    expect((await runs.retrieve(run.rid, run.of)).data).toMatchObject({
      status: 'succeeded',
      result_summary: 'Paid.',
    });
    expect((await eventsOf(run)).map((event) => event.type)).toEqual([
      'status_change',
      'message',
      'status_change',
      'status_change',
      'custom',
      'custom',
      'tool_result',
      'message',
      'status_change',
    ]);
  });

  verifies(['managed.agent'], async () => {
    const { model, api } = world();
    await using mcp = await startMcpTarget();
    const { data: mission } = await missions().create({
      name: 'with mcp',
      execution_mode: 'managed',
      model: 'gated/model',
    });
    const of = { mission_id: mission.mission_id };
    await missions().mcpServers.createMcpServer(mission.mission_id, {
      body: { name: 'my server', url: mcp.url },
    });
    await missions().mcpServers.createMcpServer(mission.mission_id, { body: { name: 'no url' } });
    const { data: run } = await missions().runs.create(mission.mission_id);
    const call = await model.next();
    call.say('hello');
    call.end();
    await api.reaches(run.run_id, 'succeeded');
    const [created] = await api.events(run.run_id);
    expect(created?.data).toMatchObject({ agent: { mcpServers: [{ name: 'my_server', url: mcp.url }] } });
    expect((await missions().runs.retrieve(run.run_id, of)).data.result_summary).toBe('hello');
  });

  verifies(['patch.managed'], async () => {
    const { model, api } = world();
    const { runs } = missions();
    const run = await managedRun();
    const call = await model.next();
    const patch = (body: object): ReturnType<typeof runs.update> =>
      runs.update(run.rid, { ...run.of, ...body });
    expect((await patch({ status: 'running' })).data.status).toBe('running');
    await expect(patch({ status: 'pending' })).rejects.toMatchObject({ status: 409 });
    expect((await patch({ status: 'paused', metadata: { a: 1 } })).data).toMatchObject({
      status: 'paused',
      metadata: { a: 1 },
    });
    call.say('too late');
    call.end();
    await api.reaches(run.rid, 'paused');
    const { data } = await patch({ status: 'failed', error: 'we know better', result_payload: { own: 1 } });
    expect(data).toMatchObject({ status: 'failed', error: 'we know better', result_payload: { own: 1 } });
    expect((await api.run(run.rid)).error).toEqual({ code: 'reported', message: 'we know better' });
    const other = await managedRun();
    await model.next();
    const { data: cancelled } = await runs.update(other.rid, { ...other.of, status: 'cancelled' });
    expect(cancelled.status).toBe('cancelled');
  });
});
