import type { DailyLimit } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import {
  openWaits,
  pause,
  resume,
  startCall,
  startTurn,
  tokens,
  completeTurn,
  waitBody,
} from '../commands.fixture.ts';
import { call, inTurn, runningRun, withCalls, type TestRun } from '../run.fixture.ts';

const UNTIL = '2026-01-02T00:00:00.000Z';

function reached(run: TestRun, ...limits: DailyLimit[]): void {
  run.madeUp = { daily: limits.map((limit) => ({ limit, most: 10, until: UNTIL })) };
}

const holds = (run: TestRun): (string | null)[] => run.state.holds.map((hold) => hold.reason);
const REASON = `the organization’s daily maxTokens (10) is reached; it begins anew at ${UNTIL}`;

describe('a daily limit that is reached', () => {
  it.each(['maxTurns', 'maxTokens', 'maxCostUsd'] as const)('%s stands before a model call', (limit) => {
    const run = runningRun({ onLimit: 'pause' });
    reached(run, limit);
    run.commit(startTurn(run));
    expect(run.state).toMatchObject({ status: 'paused', turn: { number: 0 } });
    expect(holds(run)[0]).toContain(limit);
  });

  it('maxToolCalls stands before a call, not before a turn', () => {
    const run = runningRun({ onLimit: 'pause' });
    reached(run, 'maxToolCalls');
    run.commit(startTurn(run));
    run.commit(completeTurn(run, ['tool']));
    run.commit(startCall(call(1)));
    expect(run.state).toMatchObject({ status: 'paused', usage: { toolCalls: 0 } });
    const waiting = withCalls(['tool'], { onLimit: 'pause' });
    reached(waiting, 'maxToolCalls');
    waiting.commit(openWaits(waitBody('w1', 'tool_output', { callId: call(1) })));
    expect(waiting.state).toMatchObject({ status: 'paused', waits: [] });
  });

  it('lets the turn that is in flight end', () => {
    const run = inTurn({ onLimit: 'pause' });
    reached(run, 'maxTokens', 'maxTurns');
    run.commit(completeTurn(run, ['tool'], { usage: tokens(5, 5, null) }));
    run.commit(startCall(call(1)));
    expect(run.state.calls[0]?.state).toBe('running');
  });

  it('fails a run that is to fail', () => {
    const run = runningRun({ onLimit: 'fail' });
    reached(run, 'maxTokens');
    const { events } = run.commit(startTurn(run));
    expect(events.at(-1)).toMatchObject({
      type: 'run.failed',
      data: { error: { code: 'budget_exhausted', message: REASON } },
    });
  });

  it('comes after the run’s own limit, which says more', () => {
    const run = runningRun({ onLimit: 'pause', limits: { maxTurns: 1 } });
    run.commit(startTurn(run));
    run.commit(completeTurn(run, ['tool']));
    run.commit(startCall(call(1)));
    run.commit({ type: 'completeCall', callId: call(1), output: 1 });
    reached(run, 'maxTurns');
    run.commit(startTurn(run));
    expect(holds(run)).toEqual(['maxTurns (1) is reached']);
    // The hold is the run's own: it may be released, and the next step finds the daily limit.
    run.commit(resume({ limits: { maxTurns: 5 } }));
    expect(run.state.holds).toEqual([]);
  });

  it('refuses a resume of what it holds, until there is room again', () => {
    const run = runningRun({ onLimit: 'pause' });
    reached(run, 'maxTokens');
    run.commit(startTurn(run));
    run.commit(pause());
    for (const command of [resume(), resume({ hold: 'budget' }), resume({ limits: { maxTokens: 99 } })]) {
      expect(run.refused(command)).toMatchObject({ code: 'budget_exhausted', message: REASON });
    }
    run.commit(resume({ hold: 'operator' }));
    run.madeUp = { daily: [] };
    const { events } = run.commit(resume());
    expect(events[0]).toMatchObject({ type: 'hold.released', data: { name: 'budget', granted: {} } });
    expect(run.state.status).toBe('running');
  });
});
