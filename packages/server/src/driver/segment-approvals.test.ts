import { describe, expect, it } from 'vitest';
import type { Json } from '@fermata/protocol';
import { fold } from '../engine/apply.ts';
import { callDigest } from '../engine/digest.ts';
import {
  ANNA,
  answering,
  createTestWorld,
  eventsOf,
  results,
  says,
  worldOf,
  type TestTool,
} from './segment.fixture.ts';

describe('an approval', () => {
  const pay: TestTool = { name: 'pay', approval: 'always' };

  it('shows the exact call and its digest, and executes that call alone', async () => {
    const seen: Json[] = [];
    const world = worldOf(
      [{ tool: 'pay', args: { amount: 5 } }],
      [{ ...pay, handler: ({ args }) => (seen.push(args), { kind: 'completed', output: 'paid' }) }],
    );
    const run = world.start();
    await world.drive(run);
    const digest = callDigest('pay', { amount: 5 });
    expect(eventsOf(run, 'wait.opened')[0]).toMatchObject({
      kind: 'approval',
      callId: 'call_1_1_1',
      tool: 'pay',
      args: { amount: 5 },
      digest,
    });
    await world.send(run, answering(run, { decision: 'approve' }));
    await world.drive(run);
    expect(seen).toEqual([{ amount: 5 }]);
    expect(eventsOf(run, 'tool.started')[0]).toMatchObject({
      digest,
      idempotencyKey: `${run.state.runId}:1:call_1_1_1`,
    });
    expect(run.state).toEqual(fold(run.events));
  });

  it('with other arguments executes those, and the model is told', async () => {
    const seen: Json[] = [];
    const world = worldOf(
      [{ tool: 'pay', args: { amount: 5 } }],
      [{ ...pay, handler: ({ args }) => (seen.push(args), { kind: 'completed', output: 'paid' }) }],
    );
    const run = world.start();
    await world.drive(run);
    await world.send(run, answering(run, { decision: 'approve', editedArgs: { amount: 3 } }));
    await world.drive(run);
    expect(seen).toEqual([{ amount: 3 }]);
    expect(world.prompts[1]?.messages[1]?.calls[0]).toMatchObject({
      args: { amount: 5 },
      editedArgs: { amount: 3 },
    });
    expect(run.state.status).toBe('succeeded');
  });

  it('that is denied tells the model why, and nothing is requested', async () => {
    const world = worldOf([{ tool: 'pay' }], [pay]);
    const run = world.start();
    await world.drive(run);
    await world.send(run, answering(run, { decision: 'deny', reason: 'too much' }));
    await world.drive(run);
    expect(results(world)).toEqual(['too much']);
    expect(world.requests.size).toBe(0);
    expect(run.state.status).toBe('succeeded');
  });

  it('with arguments that do not fit the tool fails the call', async () => {
    const inputSchema = { type: 'object', properties: { amount: { type: 'number' } } };
    const world = worldOf([{ tool: 'pay', args: { amount: 5 } }], [{ ...pay, inputSchema }]);
    const run = world.start();
    await world.drive(run);
    await world.send(run, answering(run, { decision: 'approve', editedArgs: { amount: 'much' } }));
    await world.drive(run);
    expect(results(world)).toEqual(['the arguments are not valid: /amount must be number']);
    expect(world.requests.size).toBe(0);
  });

  it('is asked for only when the rule on the arguments holds, and names its approvers', async () => {
    const when = { path: 'amount', op: 'gt', value: 10 } as const;
    const world = worldOf(
      [
        { tool: 'pay', args: { amount: 5 } },
        { tool: 'pay', args: { amount: 50 } },
      ],
      [{ ...pay, approval: { when, approvers: ['finance'] } }],
    );
    const run = world.start();
    await world.drive(run);
    expect(run.state.waits).toMatchObject([{ callId: 'call_1_1_2', approvers: ['finance'] }]);
    expect([...world.requests.keys()]).toEqual([`${run.state.runId}:1:call_1_1_1`]);
  });

  it('that is remembered is not asked for again in the run', async () => {
    const world = createTestWorld({
      model: ({ turn }) => (turn < 3 ? says('', { tool: 'pay', args: { turn } }) : says('Done')),
      tools: [pay],
    });
    const run = world.start();
    await world.drive(run);
    await world.send(run, answering(run, { decision: 'approve', remember: 'run' }));
    await world.drive(run);
    expect(run.state.status).toBe('succeeded');
    expect(world.requests.size).toBe(2);
  });

  it('that came before its wait counts as soon as the wait opens', async () => {
    const world = worldOf(
      [{ tool: 'slow' }, { tool: 'page' }],
      [
        {
          name: 'slow',
          handler: async () => {
            await world.send(run, answerCall('call_1_1_2', { output: 'early' }));
            return { kind: 'completed', output: 'slow' };
          },
        },
        { name: 'page', type: 'client', approval: 'always' },
      ],
    );
    const run = world.start();
    await world.drive(run);
    expect(run.state.waits).toMatchObject([{ kind: 'approval' }]);
    await world.send(run, answering(run, { decision: 'approve' }));
    await world.drive(run);
    expect(results(world)).toEqual(['slow', 'early']);
    expect(run.state.status).toBe('succeeded');
  });
});

function answerCall(callId: string, answer: { output: Json }) {
  return {
    type: 'answer' as const,
    by: ANNA,
    role: 'operator' as const,
    via: 'native',
    target: { callId },
    answer,
    digest: 'required' as const,
  };
}
