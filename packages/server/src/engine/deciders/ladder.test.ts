import type { DeadlineStep } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { fold } from '../apply.ts';
import { answer, ANNA, DIGEST, expire, pause, resume } from '../commands.fixture.ts';
import type { Command } from '../commands.ts';
import { at, call, type TestRun, types, withWaits } from '../run.fixture.ts';

const LADDER: DeadlineStep[] = [
  { after: 60, notify: 'oncall' },
  { after: 120, assign: 'ben' },
  { after: 180, expire: true },
];

function waiting(
  deadline: DeadlineStep[],
  over: Parameters<typeof withWaits>[0][number] = { kind: 'approval' },
): TestRun {
  return withWaits([{ deadline, deadlineAt: at(deadline[0]?.after ?? 0), ...over }]);
}

const sweep = (expectedDeadlineAt: string | null): Command => expire('w1', { expectedDeadlineAt });

/** What the sweep does at a time, with the deadline that it has read. */
function sweepAt(run: TestRun, seconds: number): string[] {
  run.seconds = seconds;
  const deadlineAt = run.state.waits[0]?.deadlineAt ?? null;
  return types(run.commit(sweep(deadlineAt)).events);
}

describe('a deadline ladder', () => {
  it('takes its steps one after another, each at its time from the opening', () => {
    const run = waiting(LADDER);
    expect(sweepAt(run, 59)).toEqual([]);
    expect(sweepAt(run, 60)).toEqual(['wait.escalated']);
    expect(run.events.at(-1)).toMatchObject({
      data: { waitId: 'w1', step: 0, action: { notify: 'oncall' }, deadlineAt: at(120) },
    });
    expect(sweepAt(run, 119)).toEqual([]);
    expect(sweepAt(run, 121)).toEqual(['wait.escalated', 'wait.assigned']);
    expect(run.state.waits[0]).toMatchObject({ assignee: 'ben', deadlineAt: at(180) });
    expect(sweepAt(run, 180)).toEqual(['wait.expired', 'tool.denied', 'turn.completed']);
    expect(run.state).toEqual(fold(run.events));
  });
  it('that was swept late takes the steps that are overdue at once, in order', () => {
    const run = waiting(LADDER);
    expect(sweepAt(run, 500)).toEqual(['wait.escalated']);
    expect(run.state.waits[0]?.deadlineAt).toBe(at(120));
    expect(sweepAt(run, 500)).toEqual(['wait.escalated', 'wait.assigned']);
    expect(sweepAt(run, 500)[0]).toBe('wait.expired');
  });
  it('goes by the order of its times, not by the order in which it was written', () => {
    const run = waiting([
      { after: 60, notify: 'a' },
      { after: 90, expire: true },
      { after: 70, notify: 'b' },
    ]);
    sweepAt(run, 60);
    expect(run.state.waits[0]?.deadlineAt).toBe(at(70));
  });
  it('without an end leaves the wait open', () => {
    const run = waiting([{ after: 60, notify: 'oncall' }]);
    sweepAt(run, 60);
    expect(run.state.waits[0]).toMatchObject({ deadlineAt: null });
    expect(sweepAt(run, 10_000)).toEqual([]);
    expect(run.state.status).toBe('waiting');
    run.commit(answer({ waitId: 'w1' }, { decision: 'approve', digest: DIGEST }));
    expect(run.state.calls[0]?.approved).toBe(true);
  });
  it('does nothing for a sweeper that has read an earlier step', () => {
    const run = waiting(LADDER);
    run.seconds = 60;
    expect(run.commit(sweep(at(60))).decisions[0]?.changed).toBe(true);
    run.seconds = 300;
    expect(run.commit(sweep(at(60))).decisions[0]?.changed).toBe(false);
  });
  it('does not assign whoever has it already, and says so all the same', () => {
    const run = waiting([{ after: 60, assign: 'ben' }], { kind: 'input', assignee: 'ben' });
    expect(sweepAt(run, 60)).toEqual(['wait.escalated']);
  });
  it('stands still under a hold, with every step', () => {
    const run = waiting(LADDER);
    run.seconds = 30;
    run.commit(pause());
    expect(run.state.waits[0]).toMatchObject({ deadlineAt: null, remainingMs: 30_000 });
    expect(sweepAt(run, 1_000)).toEqual([]);
    run.commit(resume());
    expect(run.state.waits[0]?.deadlineAt).toBe(at(1_030));
    sweepAt(run, 1_030);
    expect(run.state.waits[0]?.deadlineAt).toBe(at(1_090));
    run.commit(pause({ stopClock: false }));
    expect(sweepAt(run, 1_090)).toContain('wait.escalated');
  });
  it('is over with the answer: a later sweep changes nothing', () => {
    const run = waiting(LADDER);
    run.seconds = 60;
    run.commit(answer({ waitId: 'w1' }, { decision: 'approve', digest: DIGEST }));
    expect(types(run.commit(sweep(at(60))).events)).toEqual([]);
  });
});

describe('a ladder that decides', () => {
  it('answers for everybody: the record names the deadline, its reason and the digest', () => {
    const run = waiting([{ after: 60, decide: { decision: 'approve' } }]);
    expect(sweepAt(run, 60)).toEqual(['wait.resolved']);
    expect(run.events.at(-1)).toMatchObject({
      data: {
        resolution: {
          outcome: 'approve',
          by: { type: 'system', id: 'deadline' },
          reason: 'decided by the deadline: nobody answered within 60 s',
          digestSeen: null,
          digest: DIGEST,
          via: 'system',
        },
      },
    });
    expect(run.state.calls[0]).toMatchObject({ state: 'ready', approved: true, digest: DIGEST });
  });
  it('denies with the reason that it was given', () => {
    const run = waiting([{ after: 60, decide: { decision: 'deny', reason: 'too late today' } }]);
    expect(sweepAt(run, 60)).toEqual(['wait.resolved', 'tool.denied', 'turn.completed']);
    expect(run.events.find((event) => event.type === 'tool.denied')).toMatchObject({
      data: { reason: 'too late today', by: { id: 'deadline' } },
    });
  });
  it('answers a question with its default, and a client tool with an output', () => {
    for (const [kind, decide, outcome] of [
      ['input', { value: 'blue' }, 'value'],
      ['tool_output', { output: { found: false } }, 'output'],
      ['in_doubt', { outcome: 'skip' }, 'skip'],
    ] as const) {
      const run = waiting([{ after: 60, decide }], { kind });
      expect(sweepAt(run, 60)).toContain('wait.resolved');
      expect(run.events.find((event) => event.type === 'wait.resolved')).toMatchObject({
        data: { callId: call(1), resolution: { outcome } },
      });
    }
  });
  it('is not stopped by approvers: whoever wrote the agent has decided', () => {
    const run = waiting([{ after: 60, decide: { decision: 'approve' } }], {
      kind: 'approval',
      approvers: ['ben'],
    });
    expect(sweepAt(run, 60)).toEqual(['wait.resolved']);
  });
  it('tells a late answer who won', () => {
    const run = waiting([{ after: 60, decide: { decision: 'deny' } }]);
    sweepAt(run, 60);
    const error = run.refused(answer({ waitId: 'w1' }, { decision: 'approve', digest: DIGEST }));
    expect([error.code, error.details.winner?.by.id, error.details.winner?.outcome]).toEqual([
      'wait_closed',
      'deadline',
      'deny',
    ]);
  });
  it('with what is no answer to this wait lets it expire', () => {
    for (const decide of [{ value: 1 }, { decision: 'perhaps' }, {}]) {
      expect(sweepAt(waiting([{ after: 60, decide }]), 60)[0]).toBe('wait.expired');
    }
  });
});

describe('an answer', () => {
  it('that commits before the expiry wins, even past the deadline', () => {
    const run = waiting([{ after: 60, expire: true }]);
    run.seconds = 61;
    run.commit(answer({ waitId: 'w1' }, { decision: 'approve', digest: DIGEST }));
    expect(run.state.calls[0]?.approved).toBe(true);
  });
  it('that comes after the expiry is told that the wait has expired, and when', () => {
    const run = waiting([{ after: 60, expire: true }]);
    sweepAt(run, 60);
    const error = run.refused(
      answer({ waitId: 'w1' }, { decision: 'approve', digest: DIGEST }, { by: ANNA }),
    );
    expect([error.code, error.details.winner?.outcome, error.details.winner?.at]).toEqual([
      'wait_closed',
      'expired',
      at(60),
    ]);
  });
});
