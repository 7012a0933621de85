import type { Limits } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import {
  BEN,
  completeCall,
  completeTurn,
  exhaust,
  expire,
  failCall,
  openWaits,
  pause,
  resume,
  startCall,
  startTurn,
  tokens,
  update,
  waitBody,
} from '../commands.fixture.ts';
import {
  at,
  call,
  inTurn,
  runningRun,
  type TestRun,
  testRun,
  types,
  withCalls,
  withWaits,
} from '../run.fixture.ts';

const names = (run: TestRun): string[] => run.state.holds.map((hold) => hold.name);

describe('pause', () => {
  it('of a run between two steps says pausing and paused in one commit', () => {
    expect(types(runningRun().commit(pause()).events)).toEqual(['hold.placed', 'run.pausing', 'run.paused']);
  });
  it('has a visible end: paused, with the checkpoint, when nothing is in flight any more', () => {
    const run = inTurn();
    expect(types(run.commit(pause()).events)).toEqual(['hold.placed', 'run.pausing']);
    const { events } = run.commit(completeTurn(run, ['tool']));
    expect(types(events)).toEqual(['message.completed', 'run.paused']);
    expect(events[1]).toMatchObject({
      data: { checkpoint: { label: 'turn-1/before-tools' }, holds: ['operator'] },
    });
  });
  it('under a second name places a hold and announces nothing', () => {
    const run = runningRun();
    run.commit(pause());
    expect(types(run.commit(pause({ hold: 'review' })).events)).toEqual(['hold.placed']);
    expect(names(run)).toEqual(['operator', 'review']);
  });
  it('now, of a driven run, is one commit: hold, pausing, returned, paused; the segment is fenced', () => {
    const run = inTurn();
    const { epoch, claim } = run.dispatch;
    expect(types(run.commit(pause({ at: 'now' })).events)).toEqual([
      'hold.placed',
      'run.pausing',
      'segment.returned',
      'run.paused',
    ]);
    expect(run.state.turn).toMatchObject({ phase: 'again', attempt: 1 });
    expect(run.dispatch).toMatchObject({ claim: null, epoch: epoch + 1 });
    expect(claim).not.toBeNull();
  });
  it('now puts the calls in flight in doubt and keeps the results that there are', () => {
    const run = withCalls(['tool', 'tool']);
    run.commit(startCall(call(1)));
    run.commit(startCall(call(2)));
    run.commit(completeCall(call(1)));
    run.commit(pause({ at: 'now' }));
    expect(run.state.calls).toMatchObject([{ callId: call(2), state: 'in_doubt' }]);
  });
  it('now, while the same hold waits for the step, aborts it and says who asked', () => {
    const run = inTurn();
    run.commit(pause());
    run.seconds = 4;
    const { events } = run.commit(pause({ at: 'now', by: BEN, reason: 'at once' }));
    expect(types(events)).toEqual(['hold.placed', 'segment.returned', 'run.paused']);
    expect(run.state.holds).toMatchObject([{ name: 'operator', by: BEN, reason: 'at once', since: at(0) }]);
    expect(run.commit(pause({ at: 'now' })).events).toEqual([]);
  });
});

describe('resume', () => {
  it('of a pausing run cancels the pause: resumed, and never paused', () => {
    const run = inTurn();
    run.commit(pause());
    expect(types(run.commit(resume()).events)).toEqual(['hold.released', 'run.resumed']);
    expect(types(run.commit(completeTurn(run)).events)).not.toContain('run.paused');
  });
  it('without a name releases operator, provider and budget together', () => {
    const run = runningRun();
    for (const hold of ['operator', 'provider', 'budget']) run.commit(pause({ hold }));
    const { events } = run.commit(resume());
    expect(types(events)).toEqual(['hold.released', 'hold.released', 'hold.released', 'run.resumed']);
  });
  it('is refused with the list when only other holds are on', () => {
    const run = runningRun();
    run.commit(pause({ hold: 'review' }));
    const error = run.refused(resume());
    expect([error.code, error.details.holds?.map((hold) => hold.name)]).toEqual(['held', ['review']]);
  });
  it('leaves the run paused while another hold is on', () => {
    const run = runningRun();
    run.commit(pause());
    run.commit(pause({ hold: 'review' }));
    expect(types(run.commit(resume()).events)).toEqual(['hold.released']);
    expect(run.state.status).toBe('paused');
    expect(types(run.commit(resume({ hold: 'review' })).events)).toEqual(['hold.released', 'run.resumed']);
  });
  it('by name releases that one alone', () => {
    const run = runningRun();
    run.commit(pause());
    run.commit(pause({ hold: 'review' }));
    run.commit(resume({ hold: 'review' }));
    expect(names(run)).toEqual(['operator']);
    expect(run.commit(resume({ hold: 'review' })).decisions[0]?.changed).toBe(false);
  });
  it('goes back to what the run was: queued, running, waiting', () => {
    const builds = [testRun, runningRun, () => withWaits([{ kind: 'input' }])];
    expect(
      builds.map((build) => {
        const run = build();
        const before = run.state.status;
        run.commit(pause());
        run.commit(resume());
        return [before, run.state.status];
      }),
    ).toEqual([
      ['queued', 'queued'],
      ['running', 'running'],
      ['waiting', 'waiting'],
    ]);
  });
  it('announces the wait again when the run waits after it', () => {
    const run = withWaits([{ kind: 'input' }]);
    run.commit(pause());
    expect(types(run.commit(resume()).events)).toEqual(['hold.released', 'run.resumed', 'run.waiting']);
  });
  it('with the same limits and model twice changes nothing the second time', () => {
    const run = runningRun();
    const command = resume({ limits: { maxTurns: 3 }, model: 'a/b' });
    expect(run.commit(command).decisions[0]?.changed).toBe(true);
    expect(run.commit(command).events).toEqual([]);
  });
});

describe('a budget hold', () => {
  const held = (limits: Limits = { maxTurns: 1 }): TestRun => {
    const run = inTurn({ limits });
    run.commit(completeTurn(run, ['tool']));
    run.commit(failCall(call(1)));
    run.commit(startTurn(run));
    expect(names(run)).toEqual(['budget']);
    return run;
  };
  it('stands where the next step would go past the limit', () => {
    expect(held().state).toMatchObject({ status: 'paused', turn: { number: 1, phase: 'done' } });
  });
  it('released without new limits grants the first amount again, and the event says so', () => {
    const run = held();
    expect(run.commit(resume()).events[0]).toMatchObject({
      data: { name: 'budget', granted: { maxTurns: 2 } },
    });
    run.claim();
    run.commit(startTurn(run));
    run.commit(completeTurn(run, ['tool']));
    run.commit(failCall(call(1, 2)));
    run.commit(startTurn(run));
    expect(names(run)).toEqual(['budget']);
    run.commit(resume());
    expect(run.state.limits.maxTurns).toBe(3);
  });
  it('released with new limits takes those', () => {
    const run = held();
    expect(run.commit(resume({ limits: { maxTurns: 9 } })).events).toMatchObject([
      { type: 'hold.released', data: { granted: { maxTurns: 9 } } },
      { type: 'run.resumed' },
    ]);
    expect(run.state.limits).toEqual({ maxTurns: 9 });
  });
  it('grants as often as what is used asks for, however far past it is', () => {
    const run = inTurn({ limits: { maxTokens: 4 } });
    run.commit(completeTurn(run, ['tool'], { usage: tokens(9_000_000, 1, null) }));
    run.commit(failCall(call(1)));
    run.commit(startTurn(run));
    run.commit(resume());
    expect(run.state.limits.maxTokens).toBe(9_000_004);
  });
  it('drops a deadline that has passed, whatever its offset', () => {
    const run = runningRun({ limits: { deadlineAt: '2026-03-01T10:00:10+02:00' } });
    run.seconds = 9;
    expect(run.commit(exhaust('deadlineAt')).decisions[0]?.changed).toBe(false);
    run.seconds = 11;
    run.commit(exhaust('deadlineAt'));
    expect(names(run)).toEqual(['budget']);
    expect(run.commit(exhaust('deadlineAt')).decisions[0]?.changed).toBe(false);
    run.commit(resume());
    expect(run.state.limits).toEqual({});
  });
  it('is placed for active time only when that is used up, by what the locked row says', () => {
    const run = inTurn({ limits: { maxActiveSeconds: 60 } });
    run.seconds = 59;
    expect(run.commit(exhaust('maxActiveSeconds')).decisions[0]?.changed).toBe(false);
    run.seconds = 60;
    run.commit(update({ limits: { maxActiveSeconds: 90 } }));
    expect(run.commit(exhaust('maxActiveSeconds')).decisions[0]?.changed).toBe(false);
    run.seconds = 90;
    run.commit(exhaust('maxActiveSeconds'));
    expect(run.state.status).toBe('pausing');
  });
  it('counts active time in running and pausing only', () => {
    const run = inTurn({ limits: { maxActiveSeconds: 60 } });
    run.seconds = 20;
    run.commit(pause());
    run.seconds = 30;
    run.commit(completeTurn(run, ['tool']));
    run.seconds = 1_000;
    run.commit(resume());
    run.seconds = 1_029;
    expect(run.commit(exhaust('maxActiveSeconds')).decisions[0]?.changed).toBe(false);
    run.seconds = 1_030;
    expect(run.commit(exhaust('maxActiveSeconds')).decisions[0]?.changed).toBe(true);
  });
});

describe('a limit with onLimit: fail', () => {
  it('fails the run with the code of the limit', () => {
    const codes = (
      [
        ['maxTurns', 'max_turns'],
        ['maxTokens', 'budget_exhausted'],
        ['maxCostUsd', 'budget_exhausted'],
      ] as const
    ).map(([limit]) => {
      const run = inTurn({ limits: { [limit]: limit === 'maxCostUsd' ? 0.5 : 1 }, onLimit: 'fail' });
      run.commit(completeTurn(run, ['tool']));
      run.commit(failCall(call(1)));
      run.commit(startTurn(run));
      return [limit, run.record.error?.code];
    });
    expect(codes).toEqual([
      ['maxTurns', 'max_turns'],
      ['maxTokens', 'budget_exhausted'],
      ['maxCostUsd', 'budget_exhausted'],
    ]);
  });
  it('of tool calls stands before the call that goes past it, made by the server or by the client', () => {
    for (const command of [
      startCall(call(2)),
      openWaits(waitBody('w2', 'tool_output', { callId: call(2) })),
    ]) {
      const run = withCalls(['tool', 'tool'], { limits: { maxToolCalls: 1 }, onLimit: 'fail' });
      run.commit(startCall(call(1)));
      run.commit(command);
      expect(run.record.error?.code).toBe('budget_exhausted');
      expect(run.state.calls).toMatchObject([{ state: 'in_doubt' }, { state: 'ready' }]);
    }
  });
});

describe('the clock of a wait', () => {
  const waiting = (): TestRun =>
    withWaits([
      { kind: 'input', deadlineAt: at(100) },
      { kind: 'timer', deadlineAt: at(100) },
    ]);
  const clock = (run: TestRun): unknown => {
    const [wait] = run.state.waits;
    return wait?.remainingMs ?? wait?.deadlineAt;
  };
  it('stands while a hold with stopClock is on, and goes on with what was left', () => {
    const run = waiting();
    run.seconds = 40;
    run.commit(pause());
    expect(run.state.waits[0]).toMatchObject({ deadlineAt: null, remainingMs: 60_000 });
    run.seconds = 1_000;
    expect(run.commit(expire('w1')).decisions[0]?.changed).toBe(false);
    run.commit(resume());
    expect(run.state.waits[0]).toMatchObject({ deadlineAt: at(1_060), remainingMs: null });
  });
  it('goes on under a hold without stopClock', () => {
    const run = waiting();
    run.commit(pause({ stopClock: false }));
    expect(clock(run)).toBe(at(100));
    run.seconds = 100;
    run.commit(expire('w1'));
    expect(run.state).toMatchObject({ status: 'paused', waits: [{ id: 'w2' }] });
  });
  it('stands from the first such hold to the last, however they overlap', () => {
    const run = waiting();
    run.seconds = 10;
    run.commit(pause({ hold: 'a', stopClock: false }));
    run.seconds = 20;
    run.commit(pause({ hold: 'b' }));
    run.seconds = 30;
    run.commit(pause({ hold: 'c' }));
    run.seconds = 40;
    run.commit(resume({ hold: 'b' }));
    run.seconds = 50;
    run.commit(resume({ hold: 'a' }));
    expect(clock(run)).toBe(80_000);
    run.commit(resume({ hold: 'c' }));
    expect(clock(run)).toBe(at(130));
  });
  it('does not stand for a timer: due under a hold it fires, and the run stays paused', () => {
    const run = waiting();
    run.commit(pause());
    run.seconds = 100;
    expect(types(run.commit(expire('w2')).events)).toEqual(['wait.resolved', 'tool.completed']);
    expect(run.state.status).toBe('paused');
  });
  it('has nothing left when the hold came after the deadline', () => {
    const run = waiting();
    run.seconds = 150;
    run.commit(pause());
    expect(clock(run)).toBe(0);
  });
});
