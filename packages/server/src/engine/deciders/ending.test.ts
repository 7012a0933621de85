import type { RunEvent } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import {
  adopt,
  ANNA,
  answer,
  cancel,
  completeCall,
  completeTurn,
  exhaust,
  expire,
  failTurn,
  lateOutcome,
  message,
  openWaits,
  pause,
  report,
  resume,
  retry,
  startCall,
  startTurn,
  update,
  waitBody,
} from '../commands.fixture.ts';
import type { Command } from '../commands.ts';
import {
  at,
  call,
  external,
  inTurn,
  runningRun,
  type TestRun,
  types,
  withCalls,
  withWaits,
} from '../run.fixture.ts';
import { isInFlight } from '../state.ts';

describe('cancel', () => {
  it('says where the run stood and whether it was paused', () => {
    const run = inTurn();
    run.commit(pause());
    const { events } = run.commit(cancel({ reason: 'enough' }));
    expect(types(events)).toEqual(['segment.returned', 'run.cancelled']);
    expect(events[1]).toMatchObject({
      data: { reason: 'enough', by: ANNA, wasPaused: true, checkpoint: { label: 'turn-1/before-model' } },
    });
    expect(run.record.endedBy).toEqual({ actor: ANNA, reason: 'enough' });
  });
  it('closes the waits and drops what is in flight before the end', () => {
    const run = withCalls(['tool', 'tool']);
    run.commit(startCall(call(1)), openWaits(waitBody('w1', 'input', { callId: call(2) })));
    expect(types(run.commit(cancel()).events)).toEqual([
      'segment.returned',
      'wait.cancelled',
      'run.cancelled',
    ]);
    expect(isInFlight(run.state)).toBe(false);
  });
  it('leaves a late outcome in the log, which changes nothing', () => {
    const run = withCalls(['tool']);
    run.commit(startCall(call(1)));
    run.commit(cancel());
    const before = run.state;
    const { events } = run.commit(lateOutcome(call(1), { output: 'done' }));
    expect(events).toMatchObject([{ type: 'tool.completed', data: { late: true } }]);
    expect({ ...run.state, head: before.head }).toEqual(before);
  });
});

describe('the outcome of a call that came late', () => {
  it('resolves its open doubt as done', () => {
    const run = withWaits([{ kind: 'in_doubt' }]);
    const { events } = run.commit(lateOutcome(call(1), { output: 'done' }));
    expect(types(events)).toEqual(['wait.resolved', 'tool.completed', 'turn.completed']);
    expect(events[0]).toMatchObject({ data: { resolution: { outcome: 'done', value: 'done' } } });
  });
  it('that is a failure resolves it too, as that failure', () => {
    const run = withWaits([{ kind: 'in_doubt' }]);
    const { events } = run.commit(lateOutcome(call(1), { error: { code: 'x', message: 'no' } }));
    expect(events[1]).toMatchObject({ type: 'tool.failed', data: { error: { message: 'no' } } });
  });
  it('changes nothing while the call is on its way again', () => {
    const run = withWaits([{ kind: 'in_doubt' }]);
    run.commit(answer({ waitId: 'w1' }, { outcome: 'retry' }));
    run.claim();
    run.commit(startCall(call(1)));
    run.commit(lateOutcome(call(1), { output: 'first' }));
    expect(run.state.calls).toMatchObject([{ state: 'running', attempt: 2 }]);
  });
});

describe('a report', () => {
  it('of the end closes waits, fences the segment and keeps what was reported before', () => {
    const run = inTurn();
    run.commit(report({ output: 'so far', summary: 'half' }));
    const { events } = run.commit(report({ status: 'succeeded', summary: 'all' }));
    expect(types(events)).toEqual(['segment.returned', 'run.succeeded']);
    expect(run.record).toMatchObject({ output: 'so far', summary: 'all', endedBy: { actor: ANNA } });
    expect(run.dispatch.claim).toBeNull();
  });
  it('of the same status and fields twice changes nothing the second time', () => {
    const done = report({ status: 'succeeded', output: { a: 1 }, summary: 's' });
    const builds: [() => TestRun, Command][] = [
      [external, done],
      [inTurn, done],
      [external, report({ status: 'running', output: 'x' })],
      [external, report({ output: 'x', error: { code: 'e', message: 'm' } })],
      [external, report({ status: 'failed', error: { code: 'e', message: 'm' } })],
      [external, report({ status: 'failed', error: null })],
    ];
    for (const [build, command] of builds) {
      const run = build();
      expect(run.commit(command).decisions[0]?.changed).toBe(true);
      expect(run.commit(command).events).toEqual([]);
    }
  });
  it('of the end that says null clears what was reported before', () => {
    const run = external();
    run.commit(report({ output: 'x', summary: 's' }));
    const command = report({ status: 'succeeded', output: null });
    run.commit(command);
    expect(run.record).toMatchObject({ output: null, summary: 's' });
    expect(run.commit(command).events).toEqual([]);
  });
  it('of other fields after the end changes those alone', () => {
    const run = external();
    run.commit(report({ status: 'failed' }));
    expect(types(run.commit(report({ status: 'failed', summary: 'why' })).events)).toEqual(['run.updated']);
    expect(run.record).toMatchObject({ summary: 'why', error: { code: 'reported' } });
  });
  it('running releases operator alone', () => {
    const run = external();
    run.commit(report({ status: 'running' }));
    run.commit(pause());
    run.commit(pause({ hold: 'review' }));
    expect(types(run.commit(report({ status: 'running' })).events)).toEqual(['hold.released']);
    expect(run.state).toMatchObject({ status: 'paused', holds: [{ name: 'review' }] });
    expect(run.commit(report({ status: 'running' })).decisions[0]?.changed).toBe(false);
  });
  it('starts a queued external run once', () => {
    const run = external();
    expect(types(run.commit(report({ status: 'running' })).events)).toEqual(['run.started']);
    expect(types(run.commit(report({ status: 'succeeded' })).events)).toEqual(['run.succeeded']);
    expect(types(external().commit(report({ status: 'failed' })).events)).toEqual([
      'run.started',
      'run.failed',
    ]);
  });
  it('with reopen: true reopens an external run, sealed ones apart', () => {
    const run = external();
    run.commit(report({ status: 'succeeded', output: 1 }));
    const { events } = run.commit(report({ status: 'failed', reopen: true }));
    expect(types(events)).toEqual(['run.reopened', 'run.failed']);
    expect(run.record).toMatchObject({ output: null, error: { code: 'reported' } });
    run.commit(update({ sealed: true }));
    expect(run.refused(report({ status: 'running', reopen: true })).code).toBe('sealed');
  });
});

describe('reopening', () => {
  const spent = (): TestRun => {
    const run = inTurn({
      limits: { maxTurns: 1, maxTokens: 15, maxToolCalls: 1, deadlineAt: at(50) },
      onLimit: 'fail',
    });
    run.seconds = 20;
    run.commit(completeTurn(run, ['tool']));
    run.commit(startCall(call(1)));
    run.commit(completeCall(call(1)));
    run.commit(startTurn(run));
    expect(run.record.error?.code).toBe('max_turns');
    return run;
  };
  it('clears output, summary, error and the end', () => {
    const run = external();
    run.commit(report({ status: 'failed', output: 1, summary: 's' }));
    run.commit(retry());
    expect(run.state.finishedAt).toBeNull();
    expect(run.record).toMatchObject({ output: null, summary: null, error: null, endedBy: null });
  });
  it('lets counting limits start anew, while usage stays a total', () => {
    const run = spent();
    run.commit(retry());
    run.claim();
    expect(types(run.commit(startTurn(run)).events)).toEqual(['turn.started']);
    run.commit(completeTurn(run, ['tool']));
    run.commit(startCall(call(1, 2)));
    expect(run.state.usage).toMatchObject({ turns: 2, toolCalls: 2, inputTokens: 20 });
    run.commit(completeCall(call(1, 2)));
    run.commit(startTurn(run));
    expect(run.record.error?.code).toBe('max_turns');
  });
  it('drops a deadline that has passed and says so; one that has not stays', () => {
    const run = spent();
    expect(run.commit(retry()).events[0]).toMatchObject({ data: { deadlineDropped: false } });
    expect(run.state.limits.deadlineAt).toBe(at(50));
    const late = runningRun({ limits: { deadlineAt: '2026-03-01T09:00:10+01:00' }, onLimit: 'fail' });
    late.seconds = 10;
    late.commit(exhaust('deadlineAt'));
    expect(late.record.error?.code).toBe('timed_out');
    expect(late.commit(retry()).events[0]).toMatchObject({ data: { deadlineDropped: true } });
    expect(late.state.limits).toEqual({});
  });
  it('forgets the crash counter', () => {
    const run = runningRun({ onLimit: 'fail' });
    run.commit(adopt());
    for (let deaths = 1; run.state.finishedAt === null; deaths += 1) {
      run.claim();
      run.commit(adopt());
      expect(deaths).toBeLessThan(10);
    }
    expect(run.record.error?.code).toBe('crash_loop');
    run.commit(retry());
    expect(run.dispatch.attempts).toBe(0);
    expect(run.dispatch.dueAt).toBe(at(0));
  });
  it('is refused by a sealed run', () => {
    const run = spent();
    run.commit(update({ sealed: true }));
    expect(run.refused(retry()).code).toBe('sealed');
    run.commit(update({ sealed: false }));
    run.commit(retry());
    expect(run.state.status).toBe('running');
  });
  it('drops the holds of the run that has ended', () => {
    const run = runningRun();
    run.commit(pause({ hold: 'review' }));
    run.commit(cancel());
    run.commit(message({ reopen: true }));
    expect(run.state).toMatchObject({ status: 'running', holds: [] });
  });
  it('by a message gives every open call a result, so that the transcript is valid', () => {
    const run = withWaits([{ kind: 'input' }, { kind: 'in_doubt' }, { kind: 'approval' }]);
    const four = withCalls(['tool', 'tool', 'tool', 'tool']);
    four.commit(startCall(call(1)));
    four.commit(openWaits(waitBody('w1', 'input', { callId: call(2) })));
    four.commit(startCall(call(3)));
    four.commit(completeCall(call(3)));
    for (const ended of [run, four]) ended.commit(cancel());
    const results = (events: readonly RunEvent[]): unknown[] =>
      events.flatMap(({ type, data }) => (type === 'tool.denied' ? [[data.callId, data.reason]] : []));
    const interrupted = 'interrupted: it may have been executed';
    const cancelled = 'not executed: the run was cancelled';
    expect(results(four.commit(message({ reopen: true })).events)).toEqual([
      [call(1), interrupted],
      [call(2), cancelled],
      [call(4), cancelled],
    ]);
    expect(results(run.commit(message({ reopen: true })).events)).toEqual([
      [call(1), cancelled],
      [call(2), interrupted],
      [call(3), cancelled],
    ]);
    for (const { state } of [run, four]) {
      expect(state).toMatchObject({ status: 'running', calls: [], turn: { phase: 'done' } });
      expect(state.inbox).toHaveLength(1);
    }
  });
});

describe('retry', () => {
  it('makes the model call that failed again', () => {
    const run = inTurn();
    run.commit(failTurn(run));
    expect(types(run.commit(retry()).events)).toEqual(['run.reopened']);
    run.claim();
    expect(run.commit(startTurn(run)).events).toMatchObject([{ data: { turn: 1, attempt: 2 } }]);
  });
  it('leaves a call in doubt to its afterCrash, and gives what was waited for a result', () => {
    const run = withCalls(['tool', 'tool', 'tool']);
    run.commit(startCall(call(1)), openWaits(waitBody('w1', 'input', { callId: call(2) })));
    run.commit({ type: 'fail', error: { code: 'tool_failed', message: 'broken' } });
    expect(isInFlight(run.state)).toBe(false);
    const { events } = run.commit(retry());
    expect(types(events)).toEqual(['run.reopened', 'tool.denied']);
    expect(run.state.calls).toMatchObject([
      { callId: call(1), state: 'in_doubt' },
      { callId: call(3), state: 'ready' },
    ]);
  });
  it('asks again about a doubt that nobody had decided', () => {
    const run = withWaits([{ kind: 'in_doubt' }, { kind: 'input', onExpire: 'fail', deadlineAt: at(5) }]);
    run.seconds = 5;
    run.commit(expire('w2'));
    expect(run.record.error?.code).toBe('timed_out');
    run.commit(retry());
    run.claim();
    expect(run.state.calls).toMatchObject([{ callId: call(1), state: 'in_doubt' }]);
    run.commit(openWaits(waitBody('w9', 'in_doubt', { callId: call(1) })));
    expect(run.state.status).toBe('waiting');
  });
});

describe('expiry', () => {
  it('gives the call the result that nobody answered, and the model goes on', () => {
    const run = withWaits([{ kind: 'approval', deadlineAt: at(5) }]);
    run.seconds = 5;
    const { events } = run.commit(expire('w1'));
    expect(types(events)).toEqual(['wait.expired', 'tool.denied', 'turn.completed']);
    expect(events[1]).toMatchObject({ data: { outcome: 'expired', reason: 'nobody answered in time' } });
    expect(run.state.status).toBe('running');
  });
  it('of a doubt does not say that nothing was executed', () => {
    const run = withWaits([{ kind: 'in_doubt', deadlineAt: at(5) }]);
    run.seconds = 5;
    expect(run.commit(expire('w1')).events[1]).toMatchObject({
      data: { outcome: 'interrupted', reason: 'nobody answered in time; it may have been executed' },
    });
  });
  it('with onExpire: fail fails the run timed_out, the rest of it closed in order', () => {
    const run = withCalls(['tool', 'tool', 'tool']);
    run.commit(
      startCall(call(3)),
      openWaits(
        waitBody('w1', 'input', { callId: call(1), onExpire: 'fail', deadlineAt: at(5) }),
        waitBody('w2', 'input', { callId: call(2) }),
      ),
    );
    run.seconds = 6;
    const { epoch } = run.dispatch;
    expect(types(run.commit(expire('w1')).events)).toEqual([
      'wait.expired',
      'tool.denied',
      'segment.returned',
      'wait.cancelled',
      'run.failed',
    ]);
    expect(run.record.error?.code).toBe('timed_out');
    expect(run.dispatch).toMatchObject({ epoch: epoch + 1, claim: null });
  });
  it('happens once, however many sweepers see it, and not for a deadline that has moved', () => {
    const run = withWaits([{ kind: 'input', deadlineAt: at(5) }]);
    run.commit(pause());
    run.seconds = 5;
    run.commit(resume());
    run.seconds = 10;
    expect(run.commit(expire('w1', { expectedDeadlineAt: at(5) })).decisions[0]?.changed).toBe(false);
    run.commit(expire('w1', { expectedDeadlineAt: at(10) }));
    expect(run.commit(expire('w1', { expectedDeadlineAt: at(10) })).decisions[0]?.changed).toBe(false);
  });
  it('goes by the time, however it is written', () => {
    const run = withWaits([{ kind: 'input', deadlineAt: '2026-03-01T09:00:05+01:00' }]);
    run.seconds = 4;
    expect(run.commit(expire('w1')).decisions[0]?.changed).toBe(false);
    run.seconds = 5;
    expect(run.commit(expire('w1', { expectedDeadlineAt: at(5) })).decisions[0]?.changed).toBe(true);
  });
  it('of a timer fires it', () => {
    const run = withWaits([{ kind: 'timer', deadlineAt: at(5) }]);
    run.seconds = 7;
    expect(run.commit(expire('w1')).events).toMatchObject([
      { type: 'wait.resolved', data: { resolution: { outcome: 'fire' } } },
      { type: 'tool.completed', data: { output: { firedAt: at(7) } } },
      { type: 'turn.completed' },
    ]);
  });
});
