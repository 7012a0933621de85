import type { Actor, AnswerBody, Role, WaitKind } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import {
  ANNA,
  answer,
  BEN,
  cancel,
  DIGEST,
  expire,
  openWaits,
  startCall,
  waitBody,
} from '../commands.fixture.ts';
import type { Command } from '../commands.ts';
import { callDigest } from '../digest.ts';
import { EngineError } from '../errors.ts';
import { at, call, type TestRun, types, withCalls, withWaits } from '../run.fixture.ts';

const value = (n: number): AnswerBody => ({ value: n });
const approve: AnswerBody = { decision: 'approve', digest: DIGEST };

describe('an answer to an approval', () => {
  const waiting = (): TestRun => withWaits([{ kind: 'approval' }]);
  const byId = (body: AnswerBody, over = {}): Command => answer({ waitId: 'w1' }, body, over);

  it('must name the digest of the call that was shown', () => {
    const error = waiting().refused(byId({ decision: 'approve' }));
    expect([error.code, error.details.digest]).toEqual(['digest_required', DIGEST]);
  });
  it('is refused when it names another digest, whoever answers', () => {
    for (const digest of ['required', 'optional'] as const) {
      const error = waiting().refused(byId({ decision: 'deny', digest: 'other' }, { digest }));
      expect([error.code, error.details.digest]).toEqual(['digest_mismatch', DIGEST]);
    }
  });
  it('names none through a face that has none on its wire; the record says so', () => {
    const run = waiting();
    const { events } = run.commit(byId({ decision: 'approve' }, { digest: 'shown', via: 'shannon' }));
    const [resolved] = events;
    expect(resolved).toMatchObject({
      data: { resolution: { digestSeen: null, digest: DIGEST, via: 'shannon' } },
    });
  });
  it('lets the call be made as it was approved, and no other', () => {
    const run = waiting();
    run.commit(byId(approve));
    expect(run.state.calls[0]).toMatchObject({ state: 'ready', approved: true, digest: DIGEST });
    run.claim();
    expect(run.refused(startCall(call(1), 'another')).code).toBe('invalid_transition');
    run.commit(startCall(call(1), DIGEST));
    expect(run.state.calls[0]?.state).toBe('running');
  });
  it('makes the segment look again for another call, whatever is in flight beside it', () => {
    const run = withCalls(['tool', 'tool']);
    run.commit(startCall(call(2)));
    run.commit(openWaits(waitBody('w1', 'approval', { callId: call(1) })));
    run.commit(byId(approve));
    expect(run.refused(startCall(call(1), 'another')).code).toBe('invalid_transition');
    expect(run.state.calls.map((open) => open.state)).toEqual(['ready', 'running']);
  });
  it('is recorded with the role of whoever gave it and the rule that asked for it', () => {
    const run = withWaits([{ kind: 'approval', policy: 'always' }]);
    const { events } = run.commit(byId(approve, { role: 'developer' }));
    expect(events[0]).toMatchObject({ data: { resolution: { role: 'developer', policy: 'always' } } });
  });
  it('may leave the digest out where the role policy says so, but not name another one', () => {
    const run = waiting();
    const { events } = run.commit(byId({ decision: 'approve' }, { digest: 'optional' }));
    expect(events[0]).toMatchObject({
      data: { resolution: { digestSeen: null, digest: DIGEST, via: 'native' } },
    });
  });
  it('with edited arguments is an approval of those', () => {
    const run = waiting();
    const edited = callDigest('tool', { n: 2 });
    const { events } = run.commit(byId({ ...approve, editedArgs: { n: 2 } }));
    expect(events[0]).toMatchObject({
      data: { resolution: { digest: edited, digestSeen: DIGEST, editedArgs: { n: 2 } } },
    });
    run.claim();
    expect(types(run.commit(startCall(call(1), edited)).events)).toEqual(['tool.started']);
  });
  it('denies with a reason that stands in the result of the call', () => {
    const run = waiting();
    const { events } = run.commit(byId({ decision: 'deny', digest: DIGEST, reason: 'too dear' }));
    expect(types(events)).toEqual(['wait.resolved', 'tool.denied', 'turn.completed']);
    expect(events[1]).toMatchObject({ data: { reason: 'too dear', outcome: 'denied', by: ANNA } });
    expect(run.state.status).toBe('running');
  });
  it('is remembered for the rest of the run when it says so, and only when it approves', () => {
    const run = waiting();
    run.commit(byId({ ...approve, remember: 'run' }));
    expect(run.state.remembered).toEqual(['tool']);
    const denied = waiting();
    denied.commit(byId({ decision: 'deny', digest: DIGEST, remember: 'run' }));
    expect(denied.state.remembered).toEqual([]);
  });
  it('is for those who may decide: by id, or by role and those above it', () => {
    const may = (approvers: string[], over: { by?: Actor; role?: Role }): string => {
      const run = withWaits([{ kind: 'approval', approvers }]);
      try {
        run.commit(byId(approve, over));
        return 'yes';
      } catch (error) {
        return error instanceof EngineError ? error.code : 'thrown';
      }
    };
    expect(may(['ben'], { by: ANNA, role: 'admin' })).toBe('forbidden');
    expect(may(['ben'], { by: BEN, role: 'operator' })).toBe('yes');
    expect(may(['developer'], { role: 'operator' })).toBe('forbidden');
    expect(may(['developer'], { role: 'admin' })).toBe('yes');
    expect(may([], { role: 'admin' })).toBe('forbidden');
  });
});

describe('the members of an answer', () => {
  it('must fit the wait', () => {
    const wrong: [WaitKind, AnswerBody][] = [
      ['approval', { output: 1 }],
      ['tool_output', { decision: 'approve', digest: DIGEST }],
      ['input', { output: 1 }],
      ['timer', { outcome: 'skip' }],
      ['in_doubt', { outcome: 'fire' }],
      ['run', { output: 1 }],
    ];
    for (const [kind, body] of wrong) {
      const error = withWaits([{ kind }]).refused(answer({ waitId: 'w1' }, body));
      expect([kind, error.code]).toEqual([kind, 'invalid_request']);
    }
  });
  it('must not contradict each other', () => {
    const wrong: [WaitKind, AnswerBody][] = [
      ['approval', { ...approve, output: 1 }],
      ['approval', { decision: 'deny', digest: DIGEST, editedArgs: {} }],
      ['tool_output', { output: 1, error: 'no' }],
      ['input', { value: 1, output: 1 }],
      ['in_doubt', { outcome: 'retry', output: 1 }],
      ['in_doubt', { outcome: 'done', error: 'x' }],
      ['input', {}],
    ];
    for (const [kind, body] of wrong) {
      const error = withWaits([{ kind }]).refused(answer({ waitId: 'w1' }, body));
      expect([body, error.code]).toEqual([body, 'invalid_request']);
    }
  });
  it('give the call its result', () => {
    const right: [WaitKind, AnswerBody, string, object][] = [
      ['tool_output', { output: [1] }, 'tool.completed', { output: [1], by: ANNA }],
      ['tool_output', { output: null }, 'tool.completed', { output: null }],
      ['tool_output', { error: 'gone' }, 'tool.failed', { error: { code: 'tool_failed', message: 'gone' } }],
      ['input', { value: 'blue' }, 'tool.completed', { output: 'blue' }],
      ['timer', { outcome: 'fire' }, 'tool.completed', { output: { firedAt: at(0) } }],
      ['in_doubt', { outcome: 'done', output: 3 }, 'tool.completed', { output: 3 }],
      ['in_doubt', { outcome: 'skip' }, 'tool.denied', { outcome: 'interrupted' }],
    ];
    for (const [kind, body, type, data] of right) {
      const run = withWaits([{ kind }]);
      const { events } = run.commit(answer({ waitId: 'w1' }, body));
      expect(events.slice(0, 2)).toMatchObject([{ type: 'wait.resolved' }, { type, data }]);
      expect(run.state.calls).toEqual([]);
    }
  });
  it('send a call in doubt out again only when they say retry', () => {
    const run = withWaits([{ kind: 'in_doubt' }]);
    expect(types(run.commit(answer({ waitId: 'w1' }, { outcome: 'retry' })).events)).toEqual([
      'wait.resolved',
    ]);
    run.claim();
    expect(run.commit(startCall(call(1))).events).toMatchObject([
      { type: 'tool.started', data: { attempt: 2 } },
    ]);
  });
});

describe('a partial answer', () => {
  it('leaves the run waiting for the rest, since when it has waited', () => {
    const run = withWaits([{ kind: 'input' }, { kind: 'tool_output' }]);
    run.seconds = 60;
    const { events } = run.commit(answer({ waitId: 'w1' }, value(1)));
    expect(types(events)).toEqual(['wait.resolved', 'tool.completed']);
    expect(run.state).toMatchObject({ status: 'waiting', statusSince: at(0) });
    expect(run.dispatch.dueAt).toBeNull();
  });
  it('wakes the run when it is an approval whose call can be made now', () => {
    const run = withWaits([{ kind: 'approval' }, { kind: 'input' }]);
    run.commit(answer({ waitId: 'w1' }, approve));
    expect(run.state.status).toBe('running');
    expect(run.last?.job).not.toBeNull();
  });
});

describe('a late answer', () => {
  const won = (): TestRun => {
    const run = withWaits([{ kind: 'input' }, { kind: 'input' }]);
    run.seconds = 5;
    run.commit(answer({ waitId: 'w1' }, value(1)));
    run.seconds = 9;
    return run;
  };
  const targets = [{ waitId: 'w1' }, { callId: call(1) }];

  it('of the same value by the same principal is a repeat', () => {
    for (const target of targets) {
      const { decisions, events } = won().commit(answer(target, value(1)));
      expect([decisions[0]?.changed, events]).toEqual([false, []]);
    }
  });
  it('of the same value in other words is a repeat', () => {
    const run = withWaits([{ kind: 'tool_output' }]);
    run.commit(answer({ waitId: 'w1' }, { output: { a: 1, b: 2 } }));
    expect(run.commit(answer({ waitId: 'w1' }, { output: { b: 2, a: 1 } })).decisions[0]?.changed).toBe(
      false,
    );
  });
  it('of another value, or by somebody else, is told who won, when and with what', () => {
    for (const target of targets) {
      for (const late of [answer(target, value(2)), answer(target, value(1), { by: BEN })]) {
        const error = won().refused(late);
        expect(error.code).toBe('wait_closed');
        expect(error.details.winner).toMatchObject({ by: ANNA, at: at(5), outcome: 'value' });
      }
    }
  });
  it('by call id is a repeat of the approval also while the wait after it is open', () => {
    const run = withWaits([{ kind: 'approval' }]);
    run.commit(answer({ callId: call(1) }, approve));
    run.claim();
    run.commit(openWaits(waitBody('w2', 'tool_output', { callId: call(1) })));
    expect(run.commit(answer({ callId: call(1) }, approve)).decisions[0]?.changed).toBe(false);
    expect(run.refused(answer({ callId: call(1) }, approve, { by: BEN })).code).toBe('wait_closed');
    expect(run.state.waits.map((wait) => wait.id)).toEqual(['w2']);
  });
  it('in the same commit as the first is a repeat, or refuses the whole commit', () => {
    const fresh = (): TestRun => withWaits([{ kind: 'input' }]);
    const same = fresh().commit(answer({ waitId: 'w1' }, value(1)), answer({ callId: call(1) }, value(1)));
    expect(same.decisions.map((decision) => decision.changed)).toEqual([true, false]);
    const run = fresh();
    expect(run.refused(answer({ waitId: 'w1' }, value(1)), answer({ waitId: 'w1' }, value(2))).code).toBe(
      'wait_closed',
    );
    expect(run.state.status).toBe('waiting');
  });
  it('after the end is told what closed the wait; it is never kept', () => {
    const run = withWaits([{ kind: 'input' }, { kind: 'input' }]);
    run.commit(answer({ waitId: 'w1' }, value(1)));
    run.commit(cancel({ by: BEN }));
    expect(run.commit(answer({ waitId: 'w1' }, value(1))).decisions[0]?.changed).toBe(false);
    const error = run.refused(answer({ waitId: 'w2' }, value(1)));
    expect([error.code, error.details.winner?.by]).toEqual(['wait_closed', BEN]);
    const open = withCalls(['tool']);
    open.commit(cancel());
    expect(open.refused(answer({ callId: call(1) }, { output: 1 })).code).toBe('wait_closed');
    expect(open.refused(answer({ callId: 'nowhere' }, { output: 1 })).code).toBe('not_found');
  });
  it('that commits before the expiry wins, even past the deadline', () => {
    const run = withWaits([{ kind: 'input', deadlineAt: at(10) }]);
    run.seconds = 20;
    run.commit(answer({ waitId: 'w1' }, value(1)));
    expect(run.commit(expire('w1')).decisions[0]?.changed).toBe(false);
    const other = withWaits([{ kind: 'input', deadlineAt: at(10) }]);
    other.seconds = 20;
    other.commit(expire('w1'));
    expect(other.refused(answer({ waitId: 'w1' }, value(1))).details.winner?.outcome).toBe('expired');
  });
});
