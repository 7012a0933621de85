import { describe, expect, it } from 'vitest';
import {
  answer,
  cancel,
  completeCall,
  completeStep,
  completeTurn,
  failCall,
  failStep,
  failTurn,
  flowOf,
  giveBack,
  message,
  openWaits,
  pause,
  resume,
  retry,
  skipStep,
  startCall,
  startStep,
  startTurn,
  waitBody,
} from '../commands.fixture.ts';
import type { CommandOf } from '../commands.ts';
import { call, runningRun, type TestRun, types } from '../run.fixture.ts';

const CALL: CommandOf<'startStep'>['work'] = { kind: 'call', tool: 'tool', args: { n: 1 } };
const FINISH = { type: 'finish', output: 'done' } as const;

function flowRun(...ids: string[]): TestRun {
  return runningRun({ flow: flowOf(...(ids.length > 0 ? ids : ['s1', 's2'])) });
}
function inStep(work: CommandOf<'startStep'>['work'], ...ids: string[]): TestRun {
  const run = flowRun(...ids);
  run.commit(startStep(run, work));
  return run;
}
const last = (run: TestRun, n: number): string[] => types(run.events.slice(-n));

describe('a step of a flow', () => {
  it('is the one that comes next, and no other', () => {
    const run = flowRun();
    expect(run.refused(startStep(run, CALL, { stepId: 's2' })).code).toBe('invalid_transition');
    expect(run.refused(startStep(run, CALL, { attempt: 2 })).code).toBe('invalid_transition');
    run.commit(startStep(run, { kind: 'own', then: [completeStep(run, { next: 's2' })] }));
    expect(run.refused(startStep(run, CALL, { stepId: 's1' })).code).toBe('invalid_transition');
    expect(run.state.flow).toEqual({ step: null, next: 's2' });
  });

  it('is not begun under a hold, nor while waits are open, nor in a run of an agent', () => {
    const held = flowRun();
    held.commit(pause());
    expect(held.refused(startStep(held)).code).toBe('invalid_transition');
    const asking = inStep(CALL);
    asking.commit(openWaits(waitBody('w1', 'tool_output', { callId: call(1) })));
    expect(asking.refused(startStep(asking)).code).toBe('invalid_transition');
    const agent = runningRun();
    expect(agent.refused(startStep(agent)).code).toBe('invalid_transition');
    expect(agent.refused(skipStep(agent)).code).toBe('invalid_transition');
  });

  it('that is skipped makes place for the next', () => {
    const run = flowRun();
    run.commit(skipStep(run, 's2'));
    expect(run.state.flow).toEqual({ step: null, next: 's2' });
    expect(run.state.status).toBe('running');
    run.commit(startStep(run));
    expect(run.refused(skipStep(run)).code).toBe('invalid_transition');
  });

  it('of its own is begun and over in one commit, and ends the run when it is the last', () => {
    const run = flowRun('s1');
    run.commit(startStep(run, { kind: 'own', then: [completeStep(run), FINISH] }));
    expect(last(run, 3)).toEqual(['step.started', 'step.completed', 'run.succeeded']);
    expect(run.record.output).toBe('done');
  });

  it('is not begun at a limit, and neither is its end', () => {
    const run = runningRun({ flow: flowOf('s1'), limits: { maxActiveSeconds: 5 } });
    run.seconds = 6;
    run.commit(startStep(run, { kind: 'own', then: [completeStep(run), FINISH] }));
    expect(run.state.status).toBe('paused');
    expect(types(run.events)).not.toContain('step.started');
  });

  it('stands between two steps as step-<id>/before', () => {
    const run = flowRun();
    run.commit(startStep(run, { kind: 'own', then: [completeStep(run, { next: 's2' })] }));
    run.commit(pause());
    expect(run.state.checkpoint?.label).toBe('step-s2/before');
  });
});

describe('a step that a call carries out', () => {
  it('has a turn of its own for the call, and is over when the call has its result', () => {
    const run = inStep(CALL);
    expect(run.state.turn).toEqual({ number: 1, attempt: 1, phase: 'tools', asked: 1 });
    expect(run.state.calls).toMatchObject([{ callId: call(1), tool: 'tool', state: 'ready' }]);
    expect(run.state.usage.turns).toBe(0);
    expect(run.refused(completeStep(run)).code).toBe('invalid_transition');
    run.commit(startCall(call(1)));
    expect(run.refused(failStep(run)).code).toBe('invalid_transition');
    run.commit(completeCall(call(1)));
    expect(last(run, 2)).toEqual(['tool.completed', 'turn.completed']);
    run.commit(completeStep(run, { next: 's2' }));
    expect(run.state.flow).toEqual({ step: null, next: 's2' });
  });

  it('waits as a call of a model does, and is paused only when its request is over', () => {
    const run = inStep(CALL);
    run.commit(startCall(call(1)));
    run.commit(pause());
    expect(run.state.status).toBe('pausing');
    run.commit(completeCall(call(1)));
    expect(run.state.status).toBe('paused');
    expect(run.refused(completeStep(run)).code).toBe('invalid_transition');
    run.commit(resume());
    run.commit(completeStep(run, { next: 's2' }));
    const waiting = inStep(CALL);
    waiting.commit(openWaits(waitBody('w1', 'tool_output', { callId: call(1) })));
    expect(waiting.state.status).toBe('waiting');
    waiting.commit(answer({ waitId: 'w1' }, { output: 7 }));
    expect(waiting.state.status).toBe('running');
    waiting.commit(completeStep(waiting, { output: 7, next: 's2' }));
  });

  it('is in doubt when its segment is lost', () => {
    const run = inStep(CALL);
    run.commit(startCall(call(1)));
    run.commit(giveBack());
    expect(run.state.calls).toMatchObject([{ state: 'in_doubt' }]);
    expect(run.refused(startStep(run, CALL)).code).toBe('invalid_transition');
  });

  it('may be followed by another attempt, with a call of its own', () => {
    const run = inStep(CALL);
    run.commit(startCall(call(1)));
    run.commit(completeCall(call(1)));
    run.commit(startStep(run, CALL));
    expect(run.state.calls).toMatchObject([{ callId: call(1, 2), state: 'ready' }]);
    expect(run.state.flow?.step).toEqual({ id: 's1', attempt: 2, phase: 'call', from: 1 });
  });
});

describe('a step that turns carry out', () => {
  it('is over with the answer that asks for no call, in one commit, and so is the run', () => {
    const run = inStep({ kind: 'turns' }, 's1');
    run.commit(startTurn(run));
    run.commit(completeTurn(run, ['tool'], { then: [completeStep(run), FINISH] }));
    expect(run.state.status).toBe('running');
    run.commit(startCall(call(1)));
    run.commit(completeCall(call(1)));
    expect(run.refused(completeStep(run)).code).toBe('invalid_transition');
    run.commit(startTurn(run));
    run.commit(completeTurn(run, [], { then: [completeStep(run), FINISH] }));
    expect(last(run, 4)).toEqual(['message.completed', 'turn.completed', 'step.completed', 'run.succeeded']);
  });

  it('goes on when a message has come meanwhile', () => {
    const run = inStep({ kind: 'turns' }, 's1');
    run.commit(startTurn(run));
    run.commit(message());
    run.commit(completeTurn(run, [], { then: [completeStep(run), FINISH] }));
    expect(last(run, 2)).toEqual(['message.completed', 'turn.completed']);
    expect(run.state.status).toBe('running');
    run.commit(startTurn(run));
    run.commit(completeTurn(run, [], { then: [completeStep(run), FINISH] }));
    expect(run.state.status).toBe('succeeded');
  });

  it('is over under a hold, and the run is not', () => {
    const run = inStep({ kind: 'turns' }, 's1');
    run.commit(startTurn(run));
    run.commit(pause());
    run.commit(completeTurn(run, [], { then: [completeStep(run), FINISH] }));
    expect(run.state.status).toBe('paused');
    expect(run.state.flow).toEqual({ step: null, next: null });
    run.commit(resume());
    run.commit(FINISH);
    expect(run.state.status).toBe('succeeded');
  });

  it('fails with a turn that cannot be made, and is tried again with a new one', () => {
    const run = inStep({ kind: 'turns' });
    run.commit(startTurn(run));
    run.commit(failTurn(run, { kind: 'step', step: failStep(run, { kind: 'retry', afterMs: 9 }) }));
    expect(last(run, 2)).toEqual(['turn.failed', 'step.failed']);
    expect(run.refused(startTurn(run, { turn: 2, attempt: 1 })).code).toBe('invalid_transition');
    run.commit(startStep(run));
    run.commit(startTurn(run));
    expect(run.state.turn).toMatchObject({ number: 2, attempt: 1, phase: 'model' });
  });

  it('ends no run by itself: the output of a turn alone is not that of the flow', () => {
    const run = inStep({ kind: 'turns' }, 's1');
    run.commit(startTurn(run));
    run.commit(completeTurn(run));
    expect(run.state.status).toBe('running');
    expect(run.refused(FINISH).code).toBe('invalid_transition');
  });
});

describe('a step that fails', () => {
  it('fails the run, and is done again by retry', () => {
    const run = inStep(CALL);
    run.commit(failCall(call(1)));
    run.commit(failStep(run));
    expect(run.state.status).toBe('failed');
    expect(run.record.error?.code).toBe('step_failed');
    run.commit(retry());
    run.commit(startStep(run, CALL));
    expect(run.state.flow?.step).toMatchObject({ id: 's1', attempt: 2, phase: 'call' });
  });

  it('lets the flow go on where it says so', () => {
    const run = inStep(CALL);
    run.commit(failCall(call(1)));
    run.commit(failStep(run, { kind: 'continue', next: 's2' }));
    expect(run.state.flow).toEqual({ step: null, next: 's2' });
    expect(run.state.status).toBe('running');
  });
});

describe('a flow', () => {
  it('ends with messages that no step was there for', () => {
    const run = flowRun('s1');
    run.commit(startStep(run, { kind: 'own', then: [completeStep(run)] }));
    run.commit(message());
    run.commit(FINISH);
    expect(run.state.status).toBe('succeeded');
  });

  it('that was cancelled in a step goes on with it when it is reopened', () => {
    const run = inStep(CALL);
    run.commit(openWaits(waitBody('w1', 'tool_output', { callId: call(1) })));
    run.commit(cancel());
    run.commit(message({ reopen: true }));
    expect(run.state.calls).toEqual([]);
    expect(run.state.status).toBe('running');
    run.commit(startStep(run, CALL));
    expect(run.state.flow?.step?.attempt).toBe(2);
  });
});
