import { describe, expect, it } from 'vitest';
import {
  adopt,
  answer,
  cancel,
  completeTurn,
  exhaust,
  expire,
  failCall,
  giveBack,
  message,
  note,
  openWaits,
  pause,
  report,
  resume,
  startCall,
  startTurn,
  update,
  waitBody,
} from './commands.fixture.ts';
import type { Command } from './commands.ts';
import type { Offer } from './dispatch.ts';
import {
  at,
  call,
  external,
  inTurn,
  runningRun,
  START,
  testRun,
  type TestRun,
  withCalls,
  withWaits,
} from './run.fixture.ts';
import { after } from './statuses.fixture.ts';

const OFFER: Offer = { kind: 'claim', executorId: 'here', claim: 'here:1' };

describe('a run is due', () => {
  it('from its start, or from startAt', () => {
    expect(testRun().dispatch).toMatchObject({ dueAt: at(0), claim: null, epoch: 1 });
    const later = testRun({ startAt: at(60) });
    expect([later.dispatch.dueAt, later.last?.job]).toEqual([at(60), { runAt: at(60) }]);
    expect(testRun({ startAt: at(-60) }).dispatch.dueAt).toBe(at(0));
  });
  it('while it runs, and while it is pausing until it is parked', () => {
    const run = inTurn();
    expect(run.dispatch.dueAt).not.toBeNull();
    run.commit(pause());
    expect(run.dispatch.dueAt).not.toBeNull();
    run.commit(completeTurn(run));
    expect(run.dispatch).toMatchObject({ dueAt: null, claim: null });
  });
  it('never while it waits, is paused, has ended or is external', () => {
    const parked = [
      withWaits([{ kind: 'input' }]),
      after(testRun(), pause()),
      after(inTurn(), cancel()),
      external(),
      after(external(), report({ status: 'running' })),
    ];
    expect(parked.map((run) => run.dispatch)).toMatchObject(parked.map(() => ({ dueAt: null, claim: null })));
  });
  it('after a resume not before its startAt', () => {
    const run = testRun({ startAt: at(60) });
    run.commit(pause());
    run.commit(resume());
    expect(run.last?.job).toEqual({ runAt: at(60) });
  });
});

describe('a claim', () => {
  it('is written in the commit that makes the run due, when this process has room', () => {
    const run = withWaits([{ kind: 'input' }]);
    run.offer = OFFER;
    run.commit(answer({ waitId: 'w1' }, { value: 1 }));
    expect(run.last).toMatchObject({
      claimed: true,
      job: null,
      dispatch: { claim: 'here:1', executorId: 'here', attempts: 1 },
    });
  });
  it('else that commit adds a job of the epoch', () => {
    const run = withWaits([{ kind: 'input' }]);
    const { epoch } = run.dispatch;
    run.commit(answer({ waitId: 'w1' }, { value: 1 }));
    expect(run.last).toMatchObject({
      claimed: false,
      job: { runAt: at(0) },
      dispatch: { claim: null, epoch: epoch + 1 },
    });
  });
  it('waits for room of its organization: due at infinity, without a job, until a commit finds room', () => {
    const run = withWaits([{ kind: 'input' }]);
    run.offer = { kind: 'full', why: 'organization' };
    run.commit(answer({ waitId: 'w1' }, { value: 1 }));
    expect(run.last).toMatchObject({
      job: null,
      claimed: false,
      dispatch: { dueAt: 'infinity', claim: null },
    });
    run.offer = { kind: 'job' };
    run.commit(note());
    expect(run.last).toMatchObject({ job: { runAt: at(0) }, dispatch: { dueAt: at(0) } });
  });
  it('of a run at infinity makes it due now', () => {
    const run = withWaits([{ kind: 'input' }]);
    run.offer = { kind: 'full', why: 'organization' };
    run.commit(answer({ waitId: 'w1' }, { value: 1 }));
    run.claim();
    expect(run.dispatch.dueAt).toBe(at(0));
  });
  it('is offered nothing for a run that is not due yet', () => {
    const run = testRun({ startAt: at(60) });
    run.offer = OFFER;
    run.commit(pause());
    run.commit(resume());
    expect(run.last).toMatchObject({ claimed: false, job: { runAt: at(60) } });
  });
  it('counts the attempt', () => {
    const run = testRun();
    run.claim();
    expect(run.dispatch.attempts).toBe(1);
  });
  it('stays with its segment while the run goes on, through pause at a checkpoint and early resume', () => {
    const run = inTurn();
    const before = run.dispatch;
    for (const command of [pause(), resume(), message(), update({ title: 'x' })]) run.commit(command);
    expect(run.dispatch).toEqual(before);
    expect(run.last).toMatchObject({ job: null, claimed: false });
  });
});

describe('the epoch', () => {
  const raised = (build: () => TestRun, command: (run: TestRun) => Command): boolean => {
    const run = build();
    const { epoch } = run.dispatch;
    run.commit(command(run));
    expect(run.dispatch.epoch - epoch).toBeLessThanOrEqual(1);
    return run.dispatch.epoch > epoch;
  };
  it('is raised, and the claim cleared, by everything that takes the run from its segment', () => {
    const taking: Record<string, Command> = {
      'pause now': pause({ at: 'now' }),
      cancel: cancel(),
      'ending report': report({ status: 'failed' }),
      drain: giveBack(),
      'unknown version': giveBack({ reason: 'unknown_version', afterMs: 5_000 }),
      adoption: adopt(),
      orphaned: adopt('orphaned'),
    };
    for (const [name, command] of Object.entries(taking)) {
      const run = inTurn();
      const { claim } = run.dispatch;
      expect([name, raised(inTurn, () => command)]).toEqual([name, true]);
      run.commit(command);
      expect(run.dispatch.claim).toBeNull();
      expect(claim).not.toBeNull();
    }
  });
  it('is raised by a failure decided outside the segment', () => {
    const build = (): TestRun => {
      const run = withCalls(['tool', 'tool']);
      run.commit(startCall(call(1)));
      run.commit(openWaits(waitBody('w', 'input', { callId: call(2), onExpire: 'fail', deadlineAt: at(0) })));
      return run;
    };
    expect(raised(build, () => expire('w'))).toBe(true);
    expect(
      raised(
        () => inTurn({ limits: { deadlineAt: at(0) }, onLimit: 'fail' }),
        () => exhaust('deadlineAt'),
      ),
    ).toBe(true);
  });
  it('is raised by waking a parked run', () => {
    expect(
      raised(
        () => after(runningRun(), pause()),
        () => resume(),
      ),
    ).toBe(true);
    expect(
      raised(
        () => withWaits([{ kind: 'input' }]),
        () => answer({ waitId: 'w1' }, { value: 1 }),
      ),
    ).toBe(true);
    expect(
      raised(
        () => withWaits([{ kind: 'input' }]),
        () => message({ onWaiting: 'supersede' }),
      ),
    ).toBe(true);
    expect(
      raised(
        () => after(inTurn(), cancel()),
        () => message({ reopen: true }),
      ),
    ).toBe(true);
  });
  it('is kept by pause at a checkpoint, and by resume, answer and message on a run that is driven or due', () => {
    const driven = (): TestRun => {
      const run = withCalls(['tool', 'tool']);
      run.commit(startCall(call(1)));
      run.commit(openWaits(waitBody('w', 'input', { callId: call(2) })));
      return run;
    };
    expect(raised(driven, () => pause())).toBe(false);
    expect(raised(driven, () => answer({ waitId: 'w' }, { value: 1 }))).toBe(false);
    expect(raised(driven, () => message())).toBe(false);
    expect(
      raised(
        () => after(inTurn(), pause()),
        () => resume(),
      ),
    ).toBe(false);
    for (const command of [message(), resume(), note()]) {
      const run = testRun();
      const { dispatch } = run;
      run.commit(command);
      expect([run.dispatch, run.last?.job]).toEqual([dispatch, null]);
    }
  });
  it('is kept by parking and finishing', () => {
    expect(raised(inTurn, (run) => completeTurn(run))).toBe(false);
    expect(
      raised(
        () => withCalls(['tool']),
        () => openWaits(waitBody('w', 'input', { callId: call(1) })),
      ),
    ).toBe(false);
  });
});

describe('giving back', () => {
  it('makes the run due at once, or after a while', () => {
    const run = after(inTurn(), giveBack());
    expect([run.dispatch.dueAt, run.last?.job]).toEqual([at(0), { runAt: at(0) }]);
    const later = after(inTurn(), giveBack({ reason: 'unknown_version', afterMs: 5_000 }));
    expect([later.dispatch.dueAt, later.last?.job]).toEqual([at(5), { runAt: at(5) }]);
  });
});

describe('a run whose segments die', () => {
  it('is driven at once, then later and later, and then held as a crash loop', () => {
    const run = testRun();
    const waited: number[] = [];
    while (run.state.status !== 'paused' && waited.length < 9) {
      run.claim();
      const before = run.seconds;
      run.commit(adopt());
      const { dueAt } = run.dispatch;
      if (dueAt === null) break;
      waited.push((Date.parse(dueAt) - START) / 1_000 - before);
      run.seconds = (Date.parse(dueAt) - START) / 1_000;
    }
    expect(waited).toEqual([0, 1, 5]);
    expect(run.state.holds).toMatchObject([
      { name: 'policy', reason: expect.stringContaining('crash_loop') as string },
    ]);
    expect(run.events.filter((event) => event.type === 'segment.lost').map(({ data }) => data)).toMatchObject(
      [1, 2, 3, 4].map((deaths) => ({ deaths })),
    );
  });
  it('starts anew when the hold is released', () => {
    const run = testRun();
    while (run.state.status !== 'paused') {
      run.claim();
      run.commit(adopt());
    }
    expect(run.refused(resume()).code).toBe('held');
    run.commit(resume({ hold: 'policy' }));
    expect(run.dispatch).toMatchObject({ attempts: 0, dueAt: at(0) });
  });
  it('starts anew with every committed step', () => {
    const run = testRun();
    for (let deaths = 0; deaths < 6; deaths += 1) {
      run.claim();
      const { turn } = run.state;
      run.commit(startTurn(run));
      run.commit(completeTurn(run, ['tool']));
      run.commit(failCall(call(1, turn.number + 1)));
      run.commit(adopt());
    }
    expect(run.state.holds).toEqual([]);
  });
  it('does not count parking: pause and resume again and again leave it driven at once', () => {
    const run = testRun();
    for (let n = 0; n < 6; n += 1) {
      run.claim();
      run.commit(pause());
      run.commit(resume());
    }
    expect(run.dispatch).toMatchObject({ attempts: 0, dueAt: at(0) });
    run.claim();
    run.commit(adopt());
    expect(run.state.holds).toEqual([]);
    expect(run.dispatch.attempts).toBe(1);
  });
  it('does not count drain and pause now', () => {
    const run = testRun();
    for (let n = 0; n < 6; n += 1) {
      run.claim();
      run.commit(n % 2 === 0 ? giveBack() : pause({ at: 'now' }));
      run.commit(resume());
    }
    expect(run.dispatch.attempts).toBe(0);
  });
});
