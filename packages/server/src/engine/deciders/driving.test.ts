import type { EventType, WaitBody } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { fold } from '../apply.ts';
import {
  adopt,
  answer,
  BEN,
  cancel,
  completeCall,
  completeTurn,
  DIGEST,
  failCall,
  failTurn,
  giveBack,
  openWaits,
  pause,
  resume,
  startCall,
  startTurn,
  tokens,
  waitBody,
} from '../commands.fixture.ts';
import type { Command } from '../commands.ts';
import { decide } from '../decide.ts';
import { UNDISPATCHED } from '../dispatch.ts';
import { EMPTY_RECORD } from '../record.ts';
import {
  at,
  call,
  factsOf,
  inTurn,
  runningRun,
  testRun,
  type TestRun,
  types,
  withCalls,
  withWaits,
} from '../run.fixture.ts';
import { isInFlight, type RunState } from '../state.ts';

describe('a turn', () => {
  it('is started once, in its order, from what the log contains', () => {
    const run = runningRun();
    for (const wrong of [{ turn: 2 }, { attempt: 2 }, { through: run.state.head + 1 }]) {
      expect(run.refused(startTurn(run, wrong)).code).toBe('invalid_transition');
    }
    run.commit(startTurn(run));
    expect(run.refused(startTurn(run)).code).toBe('invalid_transition');
  });
  it('is answered once, by the attempt that is in flight', () => {
    const run = inTurn();
    expect(run.refused(completeTurn(run, [], { attempt: 2 })).code).toBe('invalid_transition');
    const done = completeTurn(run);
    run.commit(done);
    expect(run.refused(done).code).toBe('invalid_transition');
  });
  it('that is tried again is another attempt; the lost one can say nothing any more', () => {
    const run = inTurn();
    const lost = completeTurn(run);
    run.commit(failTurn(run, { kind: 'retry', afterMs: 10 }));
    run.commit(startTurn(run));
    expect(run.state.turn).toMatchObject({ number: 1, attempt: 2 });
    expect(run.refused(lost).code).toBe('invalid_transition');
  });
  it('ends the run with its answer when nothing is left to do', () => {
    const run = inTurn();
    expect(types(run.commit(completeTurn(run)).events)).toEqual([
      'message.completed',
      'turn.completed',
      'run.succeeded',
    ]);
    expect(run.record.output).toBe('ok');
  });
  it('does not end a run that is pausing: it finishes after the resume', () => {
    const run = inTurn();
    run.commit(pause());
    expect(types(run.commit(completeTurn(run)).events)).toEqual([
      'message.completed',
      'turn.completed',
      'run.paused',
    ]);
    run.commit(resume());
    run.claim();
    expect(types(run.commit({ type: 'finish', output: 'ok' }).events)).toEqual(['run.succeeded']);
  });
  it('is complete when every call has its result, and only then is the next one started', () => {
    const run = withCalls(['tool', 'tool']);
    expect(run.state.calls.map((open) => open.callId)).toEqual(['call_1z_1_1', 'call_1z_1_2']);
    run.commit(failCall(call(1)));
    expect(run.refused(startTurn(run)).code).toBe('invalid_transition');
    run.commit(startCall(call(2)));
    expect(types(run.commit(completeCall(call(2))).events)).toEqual(['tool.completed', 'turn.completed']);
    run.commit(startTurn(run));
  });
  it('that the provider failed holds the run when it is told to', () => {
    const run = inTurn();
    expect(types(run.commit(failTurn(run, { kind: 'hold' })).events)).toEqual([
      'turn.failed',
      'hold.placed',
      'run.pausing',
      'run.paused',
    ]);
    run.commit(resume());
    run.claim();
    expect(run.commit(startTurn(run)).events).toMatchObject([{ data: { attempt: 2 } }]);
  });
  it('keeps usage by model, whatever the model is called', () => {
    const run = inTurn();
    const over = { toolCalls: [{ providerCallId: null, tool: 'tool', args: {} }] };
    for (const model of ['__proto__', 'constructor', 'a/b', 'a/b']) {
      run.commit(completeTurn(run, [], { ...over, model, usage: tokens(1, 2, null) }));
      run.commit(failCall(call(1, run.state.turn.number)));
      run.commit(startTurn(run));
    }
    expect(({} as { turns?: number }).turns).toBeUndefined();
    expect(Object.keys(run.state.usage.byModel).sort()).toEqual(['__proto__', 'a/b', 'constructor']);
    expect(run.state.usage.byModel['a/b']).toEqual({
      turns: 2,
      inputTokens: 2,
      outputTokens: 4,
      costUsd: null,
    });
  });
});

describe('a call', () => {
  it('that has a result is never started again, nor given another', () => {
    const run = withCalls(['tool', 'tool']);
    run.commit(startCall(call(1)));
    run.commit(completeCall(call(1)));
    for (const command of [startCall(call(1)), completeCall(call(1)), failCall(call(1))]) {
      expect(run.refused(command).code).toBe('invalid_transition');
    }
    expect(run.refused(openWaits(waitBody('w1', 'approval', { callId: call(1) }))).code).toBe(
      'invalid_transition',
    );
  });
  it('has at most one open wait', () => {
    const run = withCalls(['tool', 'tool']);
    run.commit(openWaits(waitBody('w1', 'approval', { callId: call(1) })));
    expect(run.refused(openWaits(waitBody('w2', 'input', { callId: call(1) }))).code).toBe(
      'invalid_transition',
    );
    expect(run.refused(startCall(call(1))).code).toBe('invalid_transition');
  });
  it('is not begun under a hold, nor is its wait opened; a doubt is, for it ends the step', () => {
    const run = withCalls(['tool', 'tool']);
    run.commit(startCall(call(1)));
    run.commit(pause());
    expect(run.state.status).toBe('pausing');
    expect(run.refused(startCall(call(2))).code).toBe('invalid_transition');
    expect(run.refused(openWaits(waitBody('w1', 'input', { callId: call(2) }))).code).toBe(
      'invalid_transition',
    );
    const { events } = run.commit(openWaits(waitBody('w1', 'in_doubt', { callId: call(1) })));
    expect(types(events)).toEqual(['wait.opened', 'run.paused']);
  });
  it('counts once, however often it is requested, and not for its approval or doubt', () => {
    const run = withWaits([{ kind: 'approval' }]);
    expect(run.state.usage.toolCalls).toBe(0);
    run.commit(answer({ waitId: 'w1' }, { decision: 'approve', digest: DIGEST }));
    run.claim();
    run.commit(startCall(call(1), DIGEST));
    run.commit(openWaits(waitBody('w2', 'in_doubt', { callId: call(1) })));
    run.commit(answer({ waitId: 'w2' }, { outcome: 'retry' }));
    run.claim();
    run.commit(startCall(call(1), DIGEST));
    expect(run.state.usage.toolCalls).toBe(1);
  });
});

describe('a call that is not the one that was approved', () => {
  const approved = (): TestRun => {
    const run = withWaits([{ kind: 'approval' }]);
    run.commit(answer({ waitId: 'w1' }, { decision: 'approve', digest: DIGEST }));
    run.claim();
    return run;
  };
  it('is neither requested nor given to the client: the segment must look again', () => {
    for (const command of [
      startCall(call(1), 'other'),
      startCall(call(1)),
      openWaits(waitBody('w2', 'tool_output', { callId: call(1), digest: 'other' })),
    ]) {
      expect(approved().refused(command).code).toBe('invalid_transition');
    }
    const run = approved();
    run.commit(openWaits(waitBody('w2', 'tool_output', { callId: call(1) })));
    expect(run.state.status).toBe('waiting');
  });
  it('is asked for again, and then executed as it is approved now', () => {
    const run = approved();
    run.commit(openWaits(waitBody('w2', 'approval', { callId: call(1), digest: 'new' })));
    expect(run.state.calls[0]).toMatchObject({ state: 'waiting', approved: false, digest: null });
    expect(run.refused(answer({ waitId: 'w2' }, { decision: 'approve', digest: DIGEST })).code).toBe(
      'digest_mismatch',
    );
    run.commit(answer({ waitId: 'w2' }, { decision: 'approve', digest: 'new' }));
    run.claim();
    run.commit(startCall(call(1), 'new'));
    expect(run.events.at(-1)).toMatchObject({ type: 'tool.started', data: { digest: 'new' } });
  });
});

describe('a segment', () => {
  it('that is lost or returned leaves nothing in flight', () => {
    for (const command of [adopt(), adopt('orphaned'), giveBack()]) {
      for (const build of [inTurn, () => withRunningCall()]) {
        const run = build();
        expect(isInFlight(run.state)).toBe(true);
        run.commit(command);
        expect(isInFlight(run.state)).toBe(false);
        expect(run.state.status).toBe('running');
      }
    }
  });
  it('lost while the run was pausing leaves it paused', () => {
    const run = inTurn();
    run.commit(pause());
    expect(types(run.commit(adopt()).events)).toEqual(['segment.lost', 'run.paused']);
  });
  it('that is not there cannot be adopted', () => {
    expect(testRun().commit(adopt()).decisions).toEqual([{ changed: false }]);
  });
  it('starts the run once', () => {
    const run = testRun();
    expect(types(run.claim().events)).toEqual(['run.started']);
    run.commit(giveBack());
    expect(types(run.claim().events)).toEqual([]);
  });
});

function withRunningCall(): TestRun {
  const run = withCalls(['tool']);
  run.commit(startCall(call(1)));
  return run;
}

describe('a fork that has just been copied', () => {
  const hold = pause({ hold: 'policy', at: 'now' });
  const branch = (waits: { replaces: string; body: WaitBody }[] = []): Command => ({
    type: 'branch',
    by: BEN,
    reason: null,
    waits,
  });
  it('asks again, under new ids, for what the original waits for', () => {
    const run = withWaits([{ kind: 'in_doubt' }, { kind: 'input' }]);
    run.commit(hold);
    run.commit(
      branch([
        { replaces: 'w1', body: waitBody('n1', 'in_doubt', { callId: call(1) }) },
        { replaces: 'w2', body: waitBody('n2', 'input', { callId: call(2) }) },
      ]),
    );
    expect(run.state).toMatchObject({ status: 'waiting', waits: [{ id: 'n1' }, { id: 'n2' }] });
    expect(run.state.calls.map((open) => open.state)).toEqual(['waiting', 'waiting']);
  });
  it('does again what the original had given up when it was cancelled', () => {
    const run = withWaits([{ kind: 'input' }, { kind: 'in_doubt' }]);
    run.commit(cancel());
    const copy = prefixOf(run, 'run.cancelled');
    expect(copy.calls.map((open) => open.state)).toEqual(['cancelled', 'in_doubt']);
    const { state, events } = decide(copy, [hold, branch()], at(9), factsOf([], UNDISPATCHED, EMPTY_RECORD));
    expect(types(events)).toContain('segment.returned');
    expect(state.calls.map((open) => open.state)).toEqual(['ready', 'in_doubt']);
    expect(state.status).toBe('running');
  });
  it('does again what was cut in the middle of an answer', () => {
    const run = withWaits([{ kind: 'input' }]);
    run.commit(answer({ waitId: 'w1' }, { value: 1 }));
    const copy = prefixOf(run, 'tool.completed');
    const { state } = decide(copy, [hold, branch()], at(9), factsOf([], UNDISPATCHED, EMPTY_RECORD));
    expect(state.calls.map((open) => open.state)).toEqual(['ready']);
  });
  it('says that it goes on only when it was held', () => {
    expect(types(runningRun().commit(branch()).events)).toEqual([]);
  });
});

/** The fold of the log up to the first event of that type. */
function prefixOf(run: TestRun, type: EventType): RunState {
  const end = run.events.findIndex((event) => event.type === type);
  const state = fold(run.events.slice(0, end));
  if (state === null) throw new Error('an empty log');
  return state;
}
