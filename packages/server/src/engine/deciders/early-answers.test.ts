import type { AnswerBody, WaitKind } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { adopt, ANNA, answer, BEN, DIGEST, openWaits, startCall, waitBody } from '../commands.fixture.ts';
import type { Command, CommandOf } from '../commands.ts';
import { at, call, inTurn, type TestRun, types, withCalls, withWaits } from '../run.fixture.ts';

const approve: AnswerBody = { decision: 'approve', digest: DIGEST };
const BODIES: Record<Exclude<WaitKind, 'run' | 'in_doubt'>, AnswerBody> = {
  approval: approve,
  tool_output: { output: 'mine' },
  input: { value: 'blue' },
  timer: { outcome: 'fire' },
};
const early = (body: AnswerBody, over: Partial<CommandOf<'answer'>> = {}): Command =>
  answer({ callId: call(1) }, body, over);

describe('an answer by call id that comes before its wait', () => {
  for (const [kind, body] of Object.entries(BODIES) as [keyof typeof BODIES, AnswerBody][]) {
    it(`is kept, and resolves the ${kind} wait in the commit that opens it`, () => {
      const run = withCalls(['tool']);
      expect(types(run.commit(early(body)).events)).toEqual(['wait.answered_early']);
      run.seconds = 30;
      const { events } = run.commit(openWaits(waitBody('w1', kind, { callId: call(1) })));
      expect(types(events).slice(0, 2)).toEqual(['wait.opened', 'wait.resolved']);
      expect(events[1]).toMatchObject({ data: { resolution: { by: ANNA, at: at(30) } } });
      expect(run.state.waits).toEqual([]);
      expect(run.commit(early(body)).decisions[0]?.changed).toBe(false);
    });
  }
  it('is kept only for a call that the log names', () => {
    const run = withCalls(['tool']);
    expect(run.refused(answer({ callId: call(2) }, approve)).code).toBe('not_found');
    expect(inTurn().refused(early(approve)).code).toBe('not_found');
  });
  it('is kept once: a repeat changes nothing, another one loses', () => {
    const run = withCalls(['tool']);
    run.commit(early({ output: 1 }));
    expect(run.commit(early({ output: 1 })).decisions[0]?.changed).toBe(false);
    const error = run.refused(early({ output: 2 }));
    expect([error.code, error.details.winner?.by]).toEqual(['wait_closed', ANNA]);
    expect(run.refused(early({ output: 1 }, { by: BEN })).code).toBe('wait_closed');
  });
  it('is kept for each kind: first the approval, then the output', () => {
    const run = withCalls(['tool']);
    run.commit(early(approve));
    run.commit(early({ output: 1 }));
    const opened = run.commit(openWaits(waitBody('w1', 'approval', { callId: call(1) })));
    expect(types(opened.events)).toEqual(['wait.opened', 'wait.resolved']);
    const { events } = run.commit(openWaits(waitBody('w2', 'tool_output', { callId: call(1) })));
    expect(types(events)).toEqual(['wait.opened', 'wait.resolved', 'tool.completed', 'turn.completed']);
  });
  it('is kept while the approval is open, for the wait after it', () => {
    for (const kind of ['tool_output', 'input'] as const) {
      const run = withWaits([{ kind: 'approval' }]);
      expect(types(run.commit(early(BODIES[kind])).events)).toEqual(['wait.answered_early']);
      expect(run.state.status).toBe('waiting');
      run.commit(answer({ waitId: 'w1' }, approve));
      run.claim();
      const { events } = run.commit(openWaits(waitBody('w2', kind, { callId: call(1) })));
      expect(types(events)).toContain('wait.resolved');
    }
  });
  it('is kept after an early approval was used', () => {
    const run = withCalls(['tool']);
    run.commit(early(approve));
    run.commit(openWaits(waitBody('w1', 'approval', { callId: call(1) })));
    expect(types(run.commit(early({ output: 1 })).events)).toEqual(['wait.answered_early']);
  });
  it('is passed over when it does not fit, and then the wait takes another', () => {
    const run = withCalls(['tool']);
    run.commit(early({ decision: 'approve', digest: 'of another call' }));
    expect(types(run.commit(openWaits(waitBody('w1', 'approval', { callId: call(1) }))).events)).toEqual([
      'wait.opened',
      'run.waiting',
    ]);
    run.commit(early(approve, { by: BEN }));
    expect(run.state.calls[0]?.approved).toBe(true);
  });
  it('is passed over where its principal may not decide', () => {
    const run = withCalls(['tool']);
    run.commit(early(approve));
    run.commit(openWaits(waitBody('w1', 'approval', { callId: call(1), approvers: ['ben'] })));
    expect(run.state.status).toBe('waiting');
  });
  it('is given with the role of its principal, who may decide by it', () => {
    for (const [role, status] of [
      ['operator', 'waiting'],
      ['developer', 'running'],
      ['admin', 'running'],
    ] as const) {
      const run = withCalls(['tool']);
      run.commit(early(approve, { role }));
      expect(run.events.at(-1)).toMatchObject({ data: { early: { role } } });
      run.commit(openWaits(waitBody('w1', 'approval', { callId: call(1), approvers: ['developer'] })));
      expect([role, run.state.status]).toEqual([role, status]);
    }
  });
  it('that approves must name the digest, whatever its role or face: nothing was shown yet', () => {
    for (const digest of ['required', 'optional', 'shown'] as const) {
      const run = withCalls(['tool']);
      expect(run.refused(early({ decision: 'approve' }, { digest })).code).toBe('digest_required');
    }
  });
  it('is not taken for a call that the server is making', () => {
    const run = withCalls(['tool']);
    run.commit(startCall(call(1)));
    for (const body of Object.values(BODIES)) expect(run.refused(early(body)).code).toBe('invalid_request');
    expect(run.refused(early({ outcome: 'retry' })).code).toBe('invalid_request');
  });
});

describe('an early answer to a doubt', () => {
  const inDoubt = (): TestRun => {
    const run = withCalls(['tool']);
    run.commit(startCall(call(1)));
    run.commit(adopt());
    run.claim();
    return run;
  };
  const doubt = (id: string): Command => openWaits(waitBody(id, 'in_doubt', { callId: call(1) }));

  it('is not taken before there is a doubt', () => {
    expect(withCalls(['tool']).refused(early({ outcome: 'skip' })).code).toBe('invalid_request');
  });
  it('is kept while the wait is not open yet', () => {
    const run = inDoubt();
    run.commit(early({ outcome: 'skip' }));
    expect(types(run.commit(doubt('w1')).events)).toContain('tool.denied');
  });
  it('decides one doubt, not the next one of the same call', () => {
    const run = inDoubt();
    run.commit(early({ outcome: 'retry' }));
    run.commit(doubt('w1'));
    run.commit(startCall(call(1)));
    run.commit(adopt());
    run.claim();
    expect(types(run.commit(doubt('w2')).events)).toEqual(['wait.opened', 'run.waiting']);
  });
  it('that was overtaken by a retry does not decide the next doubt', () => {
    const run = inDoubt();
    run.commit(early({ outcome: 'skip' }));
    run.commit(startCall(call(1)));
    run.commit(adopt());
    run.claim();
    expect(types(run.commit(doubt('w1')).events)).toEqual(['wait.opened', 'run.waiting']);
  });
});
