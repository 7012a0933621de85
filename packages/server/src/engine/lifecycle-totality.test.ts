import { isTerminal } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import {
  adopt,
  ANNA,
  answer,
  cancel,
  completeCall,
  completeStep,
  completeTurn,
  delegation,
  exhaust,
  expire,
  failCall,
  failStep,
  failTurn,
  flowOf,
  giveBack,
  lateOutcome,
  message,
  note,
  openWaits,
  pause,
  plan,
  report,
  resume,
  retry,
  skipStep,
  startCall,
  startStep,
  startTurn,
  update,
  waitBody,
} from './commands.fixture.ts';
import type { Command, CommandType } from './commands.ts';
import { EngineError } from './errors.ts';
import { LIFECYCLE } from './lifecycle.ts';
import {
  call,
  external,
  runningRun,
  type TestRun,
  testRun,
  types,
  withCalls,
  withWaits,
} from './run.fixture.ts';
import { after, externals, managed } from './statuses.fixture.ts';

describe('an external run', () => {
  it('takes none of the driver’s commands on a step', () => {
    for (const command of driverCommands(runningRun())) {
      const run = after(external(), report({ status: 'running' }));
      const before = run.state;
      expect([command.type, run.refused(command).code]).toEqual([command.type, 'invalid_transition']);
      expect(run.state).toEqual(before);
    }
  });
});

function driverCommands(run: TestRun): Command[] {
  return [
    startTurn(run, { turn: 1, attempt: 1 }),
    completeTurn(run),
    failTurn(run),
    { type: 'delta', turn: 1, attempt: 1, part: 0, channel: 'text', text: 'a' },
    startStep(run),
    completeStep(run),
    skipStep(run),
    failStep(run),
    startCall(call(1)),
    completeCall(call(1)),
    failCall(call(1)),
    openWaits(waitBody('wx', 'input', { callId: call(1) })),
    { type: 'finish', output: 'done' },
  ];
}

/** At least one command of every type. */
const SAMPLES: Record<CommandType, (run: TestRun) => Command[]> = {
  pause: () => [pause(), pause({ at: 'now', hold: 'mine', stopClock: false })],
  resume: () => [resume(), resume({ hold: 'policy' }), resume({ limits: { maxTurns: 3 }, model: 'a/b' })],
  answer: () => [
    answer({ waitId: 'w1' }, { value: 1 }),
    answer({ waitId: 'nowhere' }, {}),
    answer({ callId: call(1) }, { output: 1 }),
    answer({ callId: 'nowhere' }, { decision: 'deny' }),
  ],
  message: () => [
    message(),
    message({ onWaiting: 'supersede', resume: true, reopen: true, messageId: 'm', model: 'a/b' }),
  ],
  report: () => [report(), report({ status: 'running', reopen: true }), report({ status: 'failed' })],
  retry: () => [retry()],
  cancel: () => [cancel({ reason: 'enough' })],
  update: () => [update(), update({ sealed: true, limits: { maxTurns: 1 }, metadata: { a: null } })],
  note: () => [note(), note('k')],
  plan: () => [
    plan(),
    plan({ change: { kind: 'update', stepId: 'nowhere', patch: { status: 'completed' } } }),
  ],
  assign: () => [{ type: 'assign', by: ANNA, waitId: 'w1', assignee: null }],
  snooze: () => [{ type: 'snooze', by: ANNA, waitId: 'w1', until: null }],
  expire: () => [expire('w1'), expire('nowhere')],
  exhaust: () => [exhaust('deadlineAt'), exhaust('maxActiveSeconds')],
  claim: () => [{ type: 'claim', by: ANNA }],
  startTurn: (run) => [startTurn(run), startTurn(run, { turn: 99 })],
  delta: () => [{ type: 'delta', turn: 1, attempt: 1, part: 0, channel: 'text', text: 'a' }],
  completeTurn: (run) => [
    completeTurn(run),
    completeTurn(run, ['tool']),
    completeTurn(run, [], { output: null }),
  ],
  failTurn: (run) => [
    failTurn(run),
    failTurn(run, { kind: 'hold' }),
    failTurn(run, { kind: 'retry', afterMs: 5 }),
  ],
  startStep: (run) => [startStep(run), startStep(run, { kind: 'call', tool: 'tool', args: {} })],
  completeStep: (run) => [completeStep(run), completeStep(run, { next: 's2' })],
  skipStep: (run) => [skipStep(run)],
  failStep: (run) => [failStep(run), failStep(run, { kind: 'continue', next: null })],
  startCall: () => [startCall(call(1)), startCall('nowhere')],
  completeCall: () => [completeCall(call(1)), completeCall('nowhere')],
  failCall: () => [failCall(call(1)), failCall('nowhere')],
  openWaits: () => [
    openWaits(),
    openWaits(waitBody('wx', 'approval', { callId: call(1) })),
    openWaits(waitBody('wy', 'tool_output', { callId: 'nowhere' })),
  ],
  finish: () => [{ type: 'finish', output: null }],
  fail: () => [{ type: 'fail', error: { code: 'x', message: 'y' } }],
  giveBack: () => [giveBack()],
  adopt: () => [adopt(), adopt('orphaned')],
  lateOutcome: () => [
    lateOutcome(call(1), { output: 1 }),
    lateOutcome('nowhere', { error: { code: 'a', message: 'b' } }),
  ],
  branch: () => [
    { type: 'branch', by: ANNA, reason: null, waits: [] },
    { type: 'branch', by: ANNA, reason: null, waits: [{ replaces: 'w1', body: waitBody('w9', 'input') }] },
  ],
  delegate: () => [delegation(call(1)), delegation('nowhere')],
  treeHold: () => [
    { type: 'treeHold', parentId: 'p', by: ANNA, reason: null, at: 'now', stopClock: true, parentSeq: 7 },
    {
      type: 'treeHold',
      parentId: 'p',
      by: ANNA,
      reason: null,
      at: 'checkpoint',
      stopClock: false,
      parentSeq: 0,
    },
  ],
  treeRelease: () => [{ type: 'treeRelease', parentId: 'p', by: ANNA, reason: null, parentSeq: 9 }],
  treeCancel: () => [{ type: 'treeCancel', parentId: 'p', by: ANNA, reason: 'parent_cancelled' }],
  childChanged: () => [
    { type: 'childChanged', childRunId: 'child', status: 'running', openWaits: [], childSeq: 2 },
  ],
  childFinished: () => [
    { type: 'childFinished', childRunId: 'child', status: 'failed', output: null, error: null, childSeq: 3 },
  ],
};

/** More places than statuses: what is under way within them. */
const PLACES: Record<string, () => TestRun> = {
  ...managed,
  'running between turns': () => runningRun(),
  'running under a parent': () => runningRun({ parent: { runId: 'p', callId: 'c', waitId: 'w' } }),
  'running with ready calls': () => withCalls(['tool', 'tool']),
  'running with a call in flight': () => after(withCalls(['tool']), startCall(call(1))),
  'running with a call in doubt': () => after(withCalls(['tool']), startCall(call(1)), giveBack()),
  'pausing with a call in flight': () => after(withCalls(['tool']), startCall(call(1)), pause()),
  'paused with waits': () => after(withWaits([{ kind: 'approval' }, { kind: 'timer' }]), pause()),
  'waiting for a doubt': () => withWaits([{ kind: 'in_doubt' }]),
  'waiting for a child': () => withWaits([{ kind: 'run' }]),
  'cancelled with calls open': () => after(withWaits([{ kind: 'in_doubt' }, { kind: 'input' }]), cancel()),
  'between the steps of a flow': () => runningRun({ flow: flowOf('s1', 's2') }),
  'in a flow’s step that takes turns': () => inStep({ kind: 'turns' }),
  'in a flow’s step with its call ready': () => inStep({ kind: 'call', tool: 'tool', args: {} }),
  'in a flow’s step with its call in flight': () =>
    after(inStep({ kind: 'call', tool: 'tool', args: {} }), startCall(call(1))),
  'in a flow’s step that is done': () =>
    after(inStep({ kind: 'call', tool: 'tool', args: {} }), startCall(call(1)), completeCall(call(1))),
  'queued and paused': () => after(testRun(), pause()),
  ...Object.fromEntries(
    Object.entries(externals).map(([status, build]) => [`external ${status}`, build] as const),
  ),
};

function inStep(work: Parameters<typeof startStep>[1]): TestRun {
  const run = runningRun({ flow: flowOf('s1', 's2') });
  run.commit(startStep(run, work));
  return run;
}

const ENDED_ALLOWS = new Set([
  'run.reopened',
  'run.updated',
  'note.logged',
  'plan.created',
  'plan.steps_added',
  'plan.step_updated',
  'usage.recorded',
  'child.changed',
  'child.finished',
]);

describe('the table is total', () => {
  for (const type of Object.keys(LIFECYCLE) as CommandType[]) {
    it(`${type} is decided, or refused with a code, wherever a run may stand`, () => {
      for (const [place, build] of Object.entries(PLACES)) {
        const variants = SAMPLES[type](build()).length;
        for (let n = 0; n < variants; n += 1) {
          const run = build();
          const command = SAMPLES[type](run)[n];
          if (command === undefined) continue;
          const before = run.state;
          try {
            const { decisions, events, state } = run.commit(command);
            expect([place, decisions.length]).toEqual([place, 1]);
            if (decisions[0]?.changed === false) expect(events).toEqual([]);
            if (isTerminal(before.status) && !types(events).includes('run.reopened')) {
              const foreign = events.filter(
                (event) =>
                  !ENDED_ALLOWS.has(event.type) && !('late' in event.data && event.data.late === true),
              );
              expect([place, types(foreign)]).toEqual([place, []]);
              expect(state.status).toBe(before.status);
            }
          } catch (error) {
            if (!(error instanceof EngineError)) throw error;
            expect(error.code).not.toBe('internal');
            expect(error.message).not.toBe('');
            expect(run.state).toBe(before);
          }
        }
      }
    });
  }
});
