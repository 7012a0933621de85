import type { AnswerBody, Problem, Wait } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import type { ApiClient, Body } from '../../world/api-client.ts';
import { eventually } from '../../world/eventually.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ env: { FERMATA_DIGEST_OPTIONAL_ROLES: 'developer' } });

const PAY = {
  type: 'client',
  name: 'pay',
  approval: 'always',
  inputSchema: {
    type: 'object',
    properties: { amount: { type: 'number', maximum: 10 }, to: { type: 'array', items: { type: 'string' } } },
    required: ['amount'],
    additionalProperties: false,
  },
};

async function waiting(tool: Body = PAY, args: Body = { amount: 5 }): Promise<Wait> {
  const run = await world().script([{ toolCalls: [{ tool: tool['name'], args }] }, { text: 'ok' }], {
    tools: [tool],
  });
  await world().api.reaches(run.id, 'waiting');
  return only(await world().api.openWaits(run.id));
}

/** The refusal of an answer by wait, which is the same by call, and leaves the log as it was. */
async function refused(client: ApiClient, wait: Wait, answer: unknown): Promise<Problem> {
  const { head } = await world().api.run(wait.runId);
  const byWait = await client.refused('POST', `/v1/waits/${wait.id}/answer`, answer);
  const byCall = await client.refused(
    'POST',
    `/v1/runs/${wait.runId}/calls/${wait.callId ?? ''}/answer`,
    answer,
  );
  expect([byCall.status, byCall.code]).toEqual([byWait.status, byWait.code]);
  expect((await world().api.run(wait.runId)).head).toBe(head);
  return byWait;
}

const approval = (wait: Wait): AnswerBody => ({ decision: 'approve', digest: wait.digest ?? '' });

describe('an answer that is refused', () => {
  verifies(['answer.viewer', 'answer.stranger', 'answer.nothing-changed'], async () => {
    const wait = await waiting();
    const { viewer, stranger } = world();
    expect(await refused(viewer, wait, approval(wait))).toMatchObject({ status: 403, code: 'forbidden' });
    expect(await refused(stranger, wait, approval(wait))).toMatchObject({ status: 404, code: 'not_found' });
    await world().api.command(wait.runId, 'cancel');
  });

  verifies(['answer.approver'], async () => {
    const wait = await waiting({ ...PAY, approval: { approvers: ['developer'] } });
    const problem = await refused(world().operator, wait, approval(wait));
    expect(problem).toMatchObject({ status: 403, code: 'forbidden' });
    expect(problem.detail).toContain('developer');
    await world().developer.answer(wait.id, approval(wait));
    await world().api.command(wait.runId, 'cancel');
  });

  verifies(['answer.wrong-digest', 'answer.digest-policy'], async () => {
    const wait = await waiting();
    const { digest } = wait;
    for (const client of [world().operator, world().developer]) {
      const problem = await refused(client, wait, { decision: 'approve', digest: '0'.repeat(64) });
      expect(problem).toMatchObject({ status: 409, code: 'digest_mismatch', digest });
    }
    for (const client of [world().operator, world().api]) {
      const problem = await refused(client, wait, { decision: 'approve' });
      expect(problem).toMatchObject({ status: 422, code: 'digest_required', digest });
    }
    const reply = await world().developer.answer(wait.id, { decision: 'approve' });
    expect(reply.wait.resolution).toMatchObject({
      digestSeen: null,
      digest,
      via: 'native',
      role: 'developer',
    });
    await world().api.command(wait.runId, 'cancel');
  });

  verifies(['answer.schema', 'answer.too-large'], async () => {
    const schema = { type: 'object', properties: { seats: { type: 'array', items: { type: 'integer' } } } };
    const wait = await waiting({ type: 'builtin', name: 'ask_user' }, { question: 'Which seats?', schema });
    const problem = await refused(world().operator, wait, { value: { seats: [1, 'two'] } });
    expect(problem).toMatchObject({ status: 422, code: 'invalid_request' });
    expect(problem.errors?.[0]?.path).toBe('body.value.seats[1]');
    const large = await refused(world().operator, wait, { value: { text: 'x'.repeat(2 * 1024 * 1024) } });
    expect([413, 422]).toContain(large.status);
    expect(JSON.stringify(large)).toMatch(/\d/);
    await world().api.command(wait.runId, 'cancel');
  });

  verifies(['answer.edited-schema'], async () => {
    const wait = await waiting();
    for (const [editedArgs, path] of [
      [{ amount: 'much' }, 'body.editedArgs.amount'],
      [{ amount: 11 }, 'body.editedArgs.amount'],
      [{ to: ['ada'] }, 'body.editedArgs'],
      [{ amount: 1, to: ['ada', 2] }, 'body.editedArgs.to[1]'],
      [{ amount: 1, note: 'hi' }, 'body.editedArgs'],
    ] as const) {
      const problem = await refused(world().operator, wait, { ...approval(wait), editedArgs });
      expect([problem.status, problem.errors?.[0]?.path]).toEqual([422, path]);
    }
    const resumed = await world().operator.refused('POST', `/v1/runs/${wait.runId}/resume`, {
      answers: [{ waitId: wait.id, ...approval(wait), editedArgs: { amount: 'much' } }],
    });
    expect(resumed.errors?.[0]?.path).toBe('body.answers[0].editedArgs.amount');
    await world().api.command(wait.runId, 'cancel');
  });

  verifies(['answer.unknown-wait', 'answer.cancelled-run'], async () => {
    const wait = await waiting();
    for (const path of [
      '/v1/waits/wait_unknown/answer',
      `/v1/runs/${wait.runId}/calls/call_unknown/answer`,
    ]) {
      const problem = await world().operator.refused('POST', path, approval(wait));
      expect(problem).toMatchObject({ status: 404, code: 'not_found' });
    }
    await world().operator.command(wait.runId, 'cancel', { reason: 'enough' });
    const late = await refused(world().api, wait, approval(wait));
    expect(late).toMatchObject({
      status: 409,
      code: 'wait_closed',
      currentStatus: 'cancelled',
      winner: { outcome: 'cancelled', by: { name: 'operator' } },
    });
  });

  verifies(['answer.bad-ladder'], async () => {
    for (const [deadline, path] of [
      [[{ after: 5 }], 'body.tools[0].deadline[0]'],
      [
        [
          { after: 5, notify: 'a' },
          { after: 6, decide: { decision: 'perhaps' } },
        ],
        'body.tools[0].deadline[1].decide.decision',
      ],
      [[{ after: 5, decide: {} }], 'body.tools[0].deadline[0].decide'],
      [[{ after: 5, decide: { value: 1 }, expire: true }], 'body.tools[0].deadline[0]'],
      [[{ after: -5, expire: true }], 'body.tools[0].deadline[0].after'],
    ] as const) {
      const problem = await world().api.refused('POST', '/v1/runs', {
        input: 'go',
        tools: [{ ...PAY, deadline }],
      });
      expect([problem.status, problem.errors?.[0]?.path]).toEqual([422, path]);
    }
  });
});

describe('an approval', () => {
  verifies(['wait.policy', 'wait.edited-args'], async () => {
    const when = { path: 'amount', op: 'gt', value: 3 };
    const wait = await waiting({ ...PAY, approval: { when, approvers: ['operator'] } });
    expect(wait).toMatchObject({
      policy: '{"op":"gt","path":"amount","value":3}',
      approvers: ['operator'],
      schema: PAY.inputSchema,
    });
    const reply = await world().operator.answer(wait.id, { ...approval(wait), editedArgs: { amount: 1 } });
    const { resolution } = reply.wait;
    expect(resolution).toMatchObject({
      editedArgs: { amount: 1 },
      digestSeen: wait.digest,
      role: 'operator',
      policy: wait.policy,
    });
    expect(resolution?.digest).not.toBe(wait.digest);
    const output = await eventually(
      async () =>
        (await world().api.openWaits(wait.runId)).find(({ kind }) => kind === 'tool_output') ?? null,
      { what: 'the client is asked' },
    );
    expect(output).toMatchObject({ args: { amount: 1 }, digest: resolution?.digest });
    await world().api.answer(output.id, { output: 'paid' });
    await world().api.reaches(wait.runId, 'succeeded');
  });

  verifies(['wait.ladder'], async () => {
    const deadline = [
      { after: 0.05, notify: 'oncall' },
      { after: 0.1, assign: 'team' },
      { after: 0.15, decide: { decision: 'deny', reason: 'nobody was there' } },
    ];
    const run = await world().script(
      [{ toolCalls: [{ tool: 'pay', args: { amount: 1 } }] }, { text: 'ok' }],
      {
        tools: [{ ...PAY, deadline }],
      },
    );
    expect(await world().api.finished(run.id)).toMatchObject({ status: 'succeeded' });
    const events = await world().api.events(run.id);
    expect(events.filter(({ type }) => type === 'wait.escalated').map(({ data }) => data)).toMatchObject([
      { step: 0, action: { notify: 'oncall' } },
      { step: 1, action: { assign: 'team' } },
    ]);
    expect(events.find(({ type }) => type === 'wait.assigned')?.data).toMatchObject({ assignee: 'team' });
    expect(events.find(({ type }) => type === 'wait.resolved')?.data).toMatchObject({
      resolution: { outcome: 'deny', by: { type: 'system', id: 'deadline' }, reason: 'nobody was there' },
    });
  });
});
