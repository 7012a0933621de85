import type { Json, TranscriptCall } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { resolvedTool, type ResolvedTool, type ToolDraft } from '../../agent/tools/resolved-tool.ts';
import { callDigest } from '../../engine/digest.ts';
import type { CallState } from '../../engine/state.ts';
import { planCall, type CallPlan } from './call-plan.ts';

const NOW = Date.parse('2026-03-01T08:00:00.000Z');
const ARGS = { amount: 5 };

function tool(over: Partial<ToolDraft> = {}): ResolvedTool {
  return resolvedTool({
    name: 'pay',
    description: undefined,
    inputSchema: { type: 'object', properties: { amount: { type: 'number' } } },
    type: 'http',
    approval: 'always',
    afterCrash: undefined,
    isHarmless: false,
    timeoutMs: 1_000,
    deadline: undefined,
    approvalDeadline: undefined,
    onExpire: undefined,
    maxCalls: undefined,
    mustCall: undefined,
    target: { kind: 'http', http: { url: 'http://tool.test', method: 'POST' } },
    ...over,
  });
}

function plan(
  state: Partial<CallState>,
  asked: { args?: Json; editedArgs?: Json } = {},
  own = tool(),
): CallPlan {
  const call: CallState = {
    callId: 'c1',
    tool: 'pay',
    state: 'ready',
    attempt: 0,
    approved: false,
    digest: null,
    early: [],
    ...state,
  };
  const transcript: TranscriptCall = {
    callId: 'c1',
    providerCallId: null,
    tool: 'pay',
    args: asked.args ?? ARGS,
    editedArgs: asked.editedArgs ?? null,
    approved: call.approved,
    attempt: call.attempt,
    state: 'ready',
    output: null,
    error: null,
  };
  return planCall({
    state: call,
    calls: new Map([['c1', transcript]]),
    tools: [own],
    toolsProblem: null,
    remembered: [],
    callAttempts: 3,
    nowMs: NOW,
  });
}

const approved = { approved: true, digest: callDigest('pay', ARGS) };
const client = (over: Partial<ToolDraft> = {}): ResolvedTool =>
  tool({ type: 'client', target: { kind: 'wait' }, ...over });

describe('a call that was approved', () => {
  it('is made as it was approved', () => {
    expect(plan(approved)).toMatchObject({ kind: 'request', call: { args: ARGS }, digest: approved.digest });
    expect(plan(approved, {}, client())).toMatchObject({
      kind: 'wait',
      wait: { kind: 'tool_output', args: ARGS },
    });
    const digest = callDigest('pay', { amount: 1 });
    expect(plan({ approved: true, digest }, { editedArgs: { amount: 1 } })).toMatchObject({
      kind: 'request',
      call: { args: { amount: 1 } },
      digest,
    });
  });
  it('and is another by now is asked for again with the new digest, by server and client alike', () => {
    for (const own of [tool(), client()]) {
      expect(plan(approved, { args: { amount: 500 } }, own)).toMatchObject({
        kind: 'wait',
        wait: {
          kind: 'approval',
          args: { amount: 500 },
          digest: callDigest('pay', { amount: 500 }),
          policy: 'digest_mismatch',
        },
      });
    }
  });
  it('and is another by now is not repeated after a crash: a person is asked', () => {
    const own = tool({ afterCrash: 'retry' });
    const doubt = { ...approved, state: 'in_doubt', attempt: 1 } as const;
    expect(plan(doubt, {}, own)).toMatchObject({ kind: 'request' });
    expect(plan(doubt, { args: { amount: 500 } }, own)).toMatchObject({ wait: { kind: 'in_doubt' } });
    const again = { ...approved, attempt: 1 };
    expect(plan(again, { args: { amount: 500 } }, own)).toMatchObject({ wait: { kind: 'approval' } });
  });
});

describe('an approval wait', () => {
  it('shows the schema of edited arguments and the rule that asks', () => {
    expect(plan({})).toMatchObject({ wait: { schema: tool().inputSchema, policy: 'always' } });
    const when = { path: 'amount', op: 'gt', value: 1 } as const;
    const asked = plan({}, {}, tool({ approval: { when, approvers: ['admin'] } }));
    expect(asked).toMatchObject({
      wait: { policy: '{"op":"gt","path":"amount","value":1}', approvers: ['admin'] },
    });
  });
  it('leaves out a schema that is too long to be shown', () => {
    const inputSchema = { type: 'object', description: 'x'.repeat(40_000) };
    expect(plan({}, {}, tool({ inputSchema }))).toMatchObject({ wait: { schema: null } });
  });
});

describe('a ladder', () => {
  const deadline = [
    { after: 300, decide: { error: 'nobody did it' } },
    { after: 60, notify: 'oncall' },
    { after: 120, decide: { decision: 'deny' } },
    { after: 600, expire: true as const },
  ];
  const at = (seconds: number): string => new Date(NOW + seconds * 1_000).toISOString();

  it('reaches each wait of the tool with the steps that speak to its kind, in order', () => {
    const [approval, output] = [plan({}, {}, client({ deadline })), plan(approved, {}, client({ deadline }))];
    expect(approval).toMatchObject({
      wait: {
        deadlineAt: at(60),
        deadline: [{ notify: 'oncall' }, { decide: { decision: 'deny' } }, { expire: true }],
      },
    });
    expect(output).toMatchObject({
      wait: {
        deadlineAt: at(60),
        deadline: [{ notify: 'oncall' }, { decide: { error: 'nobody did it' } }, { expire: true }],
      },
    });
  });
  it('tells and assigns people in a doubt, but does not let it expire', () => {
    const steps = [...deadline, { after: 700, assign: 'ben' }];
    const asked = plan({ state: 'in_doubt', attempt: 1 }, {}, tool({ deadline: steps }));
    expect(asked).toMatchObject({
      wait: { kind: 'in_doubt', deadline: [{ notify: 'oncall' }, { assign: 'ben' }] },
    });
  });
  it('of a question expires where its default does not fit the question', () => {
    const ask = tool({
      name: 'ask_user',
      type: 'builtin',
      approval: 'never',
      inputSchema: undefined,
      target: { kind: 'wait' },
      onExpire: 'fail',
      deadline: [{ after: 60, decide: { value: 7 } }],
    });
    const asking = (schema: Json): CallPlan =>
      plan({ tool: 'ask_user' }, { args: { question: 'How many?', schema } }, ask);
    expect(asking({ type: 'number' })).toMatchObject({
      wait: { kind: 'input', deadline: [{ after: 60, decide: { value: 7 } }], onExpire: 'fail' },
    });
    expect(asking({ type: 'string' })).toMatchObject({ wait: { deadline: [{ after: 60, expire: true }] } });
  });
  it('of any length has a time that can be kept', () => {
    const steps = [{ after: 1e300, expire: true as const }];
    expect(plan({}, {}, tool({ deadline: steps }))).toMatchObject({
      wait: { deadlineAt: '9999-12-31T23:59:59.999Z' },
    });
  });
});
