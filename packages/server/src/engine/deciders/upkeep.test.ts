import { describe, expect, it } from 'vitest';
import { ANNA, answer, DIGEST, note, update } from '../commands.fixture.ts';
import type { Command } from '../commands.ts';
import { at, testRun, withWaits } from '../run.fixture.ts';

describe('update', () => {
  it('logs only what is another value', () => {
    const run = testRun({ title: 'a', metadata: { x: { y: 1 } }, limits: { maxTurns: 2 } });
    const same = update({
      title: 'a',
      metadata: { x: { y: 1 }, gone: null, toString: null },
      limits: { maxTurns: 2, maxTokens: null },
      sealed: false,
    });
    expect(run.commit(same).events).toEqual([]);
    const { events } = run.commit({ ...same, title: 'b', sealed: true, reason: 'done with it' });
    expect(events).toMatchObject([{ data: { by: ANNA, title: 'b', sealed: true, reason: 'done with it' } }]);
    expect(Object.keys(events[0]?.data ?? {})).not.toContain('limits');
    expect(run.state.sealed).toMatchObject({ by: ANNA, reason: 'done with it' });
  });
  it('merges metadata and limits by key; null removes', () => {
    const run = testRun({ metadata: { a: 1, b: 2 }, limits: { maxTurns: 2, maxTokens: 5 } });
    run.commit(update({ metadata: { a: null, c: 3 }, limits: { maxTurns: null, maxToolCalls: 1 } }));
    expect(run.record.metadata).toEqual({ b: 2, c: 3 });
    expect(run.state.limits).toEqual({ maxTokens: 5, maxToolCalls: 1 });
  });
  it('sees what an earlier one of its commit did', () => {
    const run = testRun({ title: 'a' });
    run.commit(update({ title: 'b' }), update({ title: 'a' }));
    expect(run.record.title).toBe('a');
  });
});

describe('a note', () => {
  it('with a key is logged once', () => {
    const run = testRun();
    const { decisions } = run.commit(note('k'), note('k'));
    expect(decisions).toEqual([
      { changed: true, seq: 2 },
      { changed: false, seq: 2 },
    ]);
    expect(run.commit(note('k')).decisions).toEqual([{ changed: false, seq: 2 }]);
    expect(run.commit(note()).decisions).toEqual([{ changed: true, seq: 3 }]);
  });
});

describe('assign and snooze', () => {
  const assign = (assignee: string | null, waitId = 'w1'): Command => ({
    type: 'assign',
    by: ANNA,
    waitId,
    assignee,
  });
  const snooze = (until: string | null): Command => ({ type: 'snooze', by: ANNA, waitId: 'w1', until });
  it('change nothing the second time', () => {
    const run = withWaits([{ kind: 'input' }]);
    for (const command of [assign('ben'), snooze(at(60)), snooze(null), assign(null)]) {
      expect(run.commit(command).decisions[0]?.changed).toBe(true);
      expect(run.commit(command).events).toEqual([]);
    }
  });
  it('are told who decided a wait that is closed', () => {
    const run = withWaits([{ kind: 'input' }]);
    run.commit(answer({ waitId: 'w1' }, { value: 1 }));
    const error = run.refused(assign('ben'));
    expect([error.code, error.details.winner?.by]).toEqual(['wait_closed', ANNA]);
    expect(run.refused(assign('ben', 'nowhere')).code).toBe('not_found');
  });
  it('and a late answer name the same digest of the winner', () => {
    const run = withWaits([{ kind: 'approval' }]);
    run.commit(answer({ waitId: 'w1' }, { decision: 'approve', digest: DIGEST }));
    const late = run.refused(answer({ waitId: 'w1' }, { decision: 'deny', digest: DIGEST }));
    expect(run.refused(assign('ben')).details.winner).toEqual(late.details.winner);
  });
});
