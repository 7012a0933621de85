import fc from 'fast-check';
import {
  type AnswerBody,
  type DeadlineStep,
  type EventData,
  isTerminal,
  type JsonObject,
  type WaitKind,
} from '@fermata/protocol';
import {
  adopt,
  ANNA,
  answer,
  BEN,
  cancel,
  childBody,
  completeCall,
  completeTurn,
  DIGEST,
  exhaust,
  expire,
  failCall,
  failTurn,
  flowOf,
  giveBack,
  lateOutcome,
  message,
  note,
  openWaits,
  pause,
  report,
  resume,
  retry,
  startCall,
  startTurn,
  update,
  waitBody,
} from './commands.fixture.ts';
import type { Command } from './commands.ts';
import type { Decided } from './decide.ts';
import { EngineError } from './errors.ts';
import { at, call, type TestRun } from './run.fixture.ts';
import { failedStep, stepCommands, stepEnd } from './random-flow.fixture.ts';
import { type CallState, isInFlight, isStepAnswered } from './state.ts';

/** What a random run does next; the numbers pick among what is there, so that shrinking keeps it meaningful. */
export interface Op {
  act: Act;
  a: number;
  b: number;
  c: number;
  /** Seconds that pass before. */
  wait: number;
}
const ACTS = [
  'drive',
  'pause',
  'resume',
  'answer',
  'answer_call',
  'message',
  'report',
  'retry',
  'cancel',
  'update',
  'note',
  'assign',
  'snooze',
  'expire',
  'exhaust',
  'resume_with',
  'claim',
  'turn',
  'call',
  'open_wait',
  'finish',
  'fail',
  'give_back',
  'adopt',
  'late',
  'child',
  'parent',
  'step',
] as const;
export type Act = (typeof ACTS)[number];

const small = fc.nat({ max: 11 });
const WEIGHTS: Partial<Record<Act, number>> = {
  drive: 100,
  adopt: 5,
  cancel: 1,
  fail: 1,
  finish: 1,
  report: 2,
  exhaust: 1,
  answer: 6,
  answer_call: 6,
  pause: 5,
  message: 5,
  expire: 6,
  call: 5,
  open_wait: 5,
};
export const opArbitrary: fc.Arbitrary<Op> = fc.record({
  act: fc.oneof(...ACTS.map((act) => ({ weight: WEIGHTS[act] ?? 3, arbitrary: fc.constant(act) }))),
  a: small,
  b: small,
  c: small,
  wait: fc.constantFrom(0, 0, 0, 1, 7, 40),
});
export const opsArbitrary = fc.array(opArbitrary, { maxLength: 80, size: 'max' });
export const createdArbitrary: fc.Arbitrary<Partial<EventData<'run.created'>>> = fc.record(
  {
    mode: fc.constantFrom('managed' as const, 'managed' as const, 'managed' as const, 'external' as const),
    onLimit: fc.constantFrom('pause' as const, 'fail' as const),
    limits: fc.record(
      {
        maxTurns: fc.integer({ min: 1, max: 3 }),
        maxToolCalls: fc.integer({ min: 1, max: 3 }),
        maxTokens: fc.constantFrom(20, 40),
        maxActiveSeconds: fc.constantFrom(10, 60),
        deadlineAt: fc.constantFrom(at(60), '2026-03-01T10:02:00+02:00'),
      },
      { requiredKeys: [] },
    ),
    startAt: fc.constantFrom(null, at(30)),
    title: fc.constantFrom(null, 'a'),
    flow: fc.constantFrom(null, null, flowOf('s1', 's2', 's3')),
    parent: fc.constantFrom(null, { runId: 'parent', callId: 'c', waitId: 'w' }),
  },
  { requiredKeys: [] },
);

const pick = <T>(n: number, ...choices: readonly T[]): T => choices[n % choices.length] as T;
const HOLDS = ['operator', 'operator', 'review', 'budget', 'provider', 'policy', 'parent'];
const KINDS: WaitKind[] = ['approval', 'tool_output', 'input', 'timer', 'run', 'in_doubt'];
const BODIES: AnswerBody[] = [
  { decision: 'approve', digest: DIGEST },
  { decision: 'deny', digest: DIGEST, reason: 'no' },
  { output: 1 },
  { error: 'broken' },
  { value: 'v' },
  { outcome: 'fire' },
  { outcome: 'done', output: 2 },
  { outcome: 'retry' },
  { outcome: 'skip' },
  { decision: 'approve', digest: DIGEST, editedArgs: { n: 2 }, remember: 'run' },
  { decision: 'approve' },
  { value: 'v', output: 1 },
];
const FITTING: Record<WaitKind, AnswerBody[]> = {
  approval: [BODIES[0] as AnswerBody, BODIES[1] as AnswerBody, BODIES[9] as AnswerBody],
  tool_output: [{ output: 1 }, { error: 'broken' }],
  input: [{ value: 'v' }],
  timer: [{ outcome: 'fire' }],
  in_doubt: [{ outcome: 'done', output: 2 }, { outcome: 'retry' }, { outcome: 'skip' }],
  run: [{ output: 1 }],
};

/** The commands of one commit; empty when there is nothing of the kind to do. */
export function commandsOf(run: TestRun, { act, a, b, c }: Op): Command[] {
  const { state } = run;
  const by = pick(c, ANNA, BEN);
  const waitId = state.waits[a % Math.max(1, state.waits.length)]?.id ?? `w${a}`;
  const open = state.calls[a % Math.max(1, state.calls.length)];
  const callId = open?.callId ?? call(a, Math.max(1, state.turn.number));
  switch (act) {
    case 'drive':
      return driveCommands(run, a, b, c);
    case 'pause':
      return [
        pause({
          by,
          hold: pick(a, ...HOLDS),
          at: pick(b, 'checkpoint', 'now'),
          stopClock: c % 3 > 0,
          reason: pick(b, null, 'r'),
        }),
      ];
    case 'resume':
      return [
        resume({
          by,
          hold: pick(a, null, null, null, ...HOLDS),
          limits: pick(b, null, null, { maxTurns: 5 }, { maxTokens: null }),
          model: pick(c, null, null, 'a/b'),
        }),
      ];
    case 'answer': {
      const wait = state.waits.find((one) => one.id === waitId);
      const fitting = b < 9 && wait !== undefined;
      return [answer({ waitId }, fitting ? pick(b, ...FITTING[wait.kind]) : pick(b, ...BODIES), { by })];
    }
    case 'answer_call':
      return [answer({ callId }, pick(b, ...BODIES), { by, digest: pick(c, 'required', 'shown') })];
    case 'message':
      return [
        message({
          by,
          messageId: pick(a, null, 'm1', 'm2'),
          onWaiting: pick(b, null, 'queue', 'supersede', 'supersede'),
          resume: c % 3 === 0,
          reopen: c % 2 === 0,
        }),
      ];
    case 'report':
      return [
        report({
          by,
          status: pick(a, null, null, null, 'running', 'running', 'running', 'succeeded', 'failed'),
          output: pick(b, undefined, 'x', null),
          summary: pick(b, undefined, undefined, 's'),
          reopen: c % 2 === 0,
        }),
      ];
    case 'retry':
      return [retry({ by })];
    case 'cancel':
      return [cancel({ by, reason: pick(a, null, 'enough') })];
    case 'update':
      return [
        update({
          by,
          title: pick(a, undefined, 'a', null),
          metadata: pick(b, undefined, { k: 1 }, { k: null }),
          limits: pick(c, undefined, { maxTurns: 4 }, { maxTurns: null }, { deadlineAt: at(90) }),
          sealed: pick(a, undefined, undefined, undefined, undefined, true, false, false),
        }),
      ];
    case 'note':
      return [note(pick(a, null, 'n1', 'n2'))];
    case 'assign':
      return [{ type: 'assign', by, waitId, assignee: pick(b, null, 'ben') }];
    case 'snooze':
      return [{ type: 'snooze', by, waitId, until: pick(b, null, at(500)) }];
    case 'expire':
      return [expireNow(run, waitId)];
    case 'exhaust':
      return [exhaust(pick(a, 'deadlineAt', 'maxActiveSeconds'))];
    case 'resume_with':
      return [
        answer({ waitId }, pick(b, ...BODIES), { by }),
        resume({ by }),
        message({ by, messageId: 'm3', onWaiting: pick(c, 'queue', 'supersede') }),
      ];
    case 'claim':
      return [{ type: 'claim', by }];
    case 'turn':
      return turnCommands(run, a, b, c);
    case 'call':
      return [
        pick<Command>(b, startCall(callId, open?.digest ?? null), completeCall(callId), failCall(callId)),
      ];
    case 'open_wait':
      return [openWaitCommand(run, open, callId, b, c)];
    case 'finish':
      return [{ type: 'finish', output: 'done' }];
    case 'step':
      return stepCommands(run, a, b, c);
    case 'fail':
      return [{ type: 'fail', error: { code: 'tool_failed', message: 'broken' } }];
    case 'give_back':
      return [giveBack({ afterMs: pick(a, 0, 5_000) })];
    case 'adopt':
      return [adopt(pick(a, 'dead', 'orphaned'))];
    case 'late':
      return [lateOutcome(callId, pick(b, { output: 'late' }, { error: { code: 'x', message: 'y' } }))];
    case 'parent': {
      const parentSeq = pick(a, state.head, 3, state.head + 1);
      const parentId = pick(b, 'parent', 'parent', 'parent', 'another');
      if (b % 2 === 0) return [{ type: 'treeRelease', parentId, by, reason: null, parentSeq }];
      return [
        {
          type: 'treeHold',
          parentId,
          by,
          reason: 'r',
          at: pick(c, 'checkpoint', 'now'),
          stopClock: a % 2 > 0,
          parentSeq,
        },
      ];
    }
    case 'child': {
      const childRunId = pick(a, ...(state.children ?? []).map((child) => child.runId), 'child');
      if (b % 3 === 0) {
        const treeStopped = c % 2 === 0;
        const status = treeStopped ? 'paused' : 'waiting';
        const childSeq = state.head + a;
        const parentSeq = pick(c, 0, state.head);
        return [
          { type: 'childChanged', childRunId, status, openWaits: [], childSeq, treeStopped, parentSeq },
        ];
      }
      const status = pick(c, 'succeeded' as const, 'failed' as const);
      return [{ type: 'childFinished', childRunId, status, output: 'o', error: null, childSeq: a }];
    }
  }
}

/** What brings the run forward, wherever it stands: mostly what its segment would do. */
function driveCommands(run: TestRun, a: number, b: number, c: number): Command[] {
  const { state } = run;
  if (isTerminal(state.status)) return [b % 2 === 0 ? retry() : message({ reopen: true })];
  const [hold] = state.holds;
  if (hold !== undefined && !isInFlight(state)) return [resume({ hold: hold.name })];
  if (state.mode === 'external') return [report({ status: 'running' })];
  const isFree = run.dispatch.claim === null && run.dispatch.dueAt !== null;
  if (state.startedAt === null || (isFree && c % 4 > 0)) return [{ type: 'claim', by: ANNA }];
  const isStepNext =
    state.turn.phase === 'done' && !(state.flow?.step?.phase === 'turns' && !isStepAnswered(state));
  if (state.flow !== undefined && isStepNext) return stepCommands(run, a, b, c);
  if (state.turn.phase !== 'tools') return turnCommands(run, a, b, c);
  const [wait] = state.waits;
  const open = state.calls.find((one) => one.state !== 'waiting');
  if (open === undefined && wait !== undefined) {
    return wait.kind === 'timer'
      ? [expireNow(run, wait.id)]
      : [answer({ waitId: wait.id }, pick(b, ...FITTING[wait.kind]))];
  }
  const callId = open?.callId ?? '';
  if (open?.state === 'running' && c % 4 > 0) return [completeCall(callId)];
  const ask = open?.state === 'running' || (open?.approved === true ? b % 4 === 0 : b % 4 > 0);
  return [ask ? openWaitCommand(run, open, callId, a + b, c) : startCall(callId, open?.digest ?? null)];
}

/** As the sweep does it: with the deadline that it has read. */
function expireNow({ state }: TestRun, waitId: string): Command {
  const wait = state.waits.find((one) => one.id === waitId);
  return expire(waitId, { expectedDeadlineAt: wait?.deadlineAt ?? null });
}

function openWaitCommand(
  run: TestRun,
  open: CallState | undefined,
  callId: string,
  b: number,
  c: number,
): Command {
  const kind = open?.state === 'in_doubt' || open?.state === 'running' ? 'in_doubt' : pick(b, ...KINDS);
  const soon = at(run.seconds + 20);
  const deadlineAt = kind === 'timer' ? soon : pick(c, null, soon, at(run.seconds + 100));
  const onExpire = pick<'continue' | 'fail'>(c, 'continue', 'continue', 'continue', 'fail');
  const deadline =
    deadlineAt === null ? [] : pick(b, [], LADDER, [{ after: 20, decide: pick(c, ...BODIES) as JsonObject }]);
  const digest = kind === 'approval' ? pick(c, DIGEST, DIGEST, 'another') : (open?.digest ?? DIGEST);
  const policy = pick(b, null, 'always');
  const over = { callId, deadlineAt, onExpire, deadline, digest, policy };
  const body = waitBody(`w${run.state.head}`, kind, over);
  if (kind !== 'run' || c % 4 === 0) return openWaits(body);
  const runId = `child-${run.state.head}`;
  const child = { runId, created: childBody({}), secrets: null };
  return { type: 'delegate', wait: { ...body, childRunId: runId }, child };
}

const LADDER: DeadlineStep[] = [
  { after: 20, notify: 'oncall' },
  { after: 25, assign: 'ben' },
  { after: 40, expire: true },
];

function turnCommands(run: TestRun, a: number, b: number, c: number): Command[] {
  const { phase } = run.state.turn;
  if (phase !== 'model') return [startTurn(run, { through: run.state.head - (c % 3 === 0 ? 1 : 0) })];
  const tools = pick(a, ['tool'], ['tool', 'other'], ['tool', 'tool', 'tool'], []);
  return [
    pick<Command>(
      b,
      completeTurn(run, tools, run.state.flow === undefined ? {} : { then: stepEnd(run, c) }),
      completeTurn(run, tools),
      completeTurn(run, tools),
      failTurn(run, pick(c, { kind: 'retry', afterMs: 5 }, { kind: 'hold' }, failedStep(run, a))),
      {
        type: 'delta',
        turn: run.state.turn.number,
        attempt: run.state.turn.attempt,
        part: 0,
        channel: 'text',
        text: 'a',
      },
    ),
  ];
}

/** Lets the op happen. Null when the engine refused it, by its own error. */
export function tryOp(run: TestRun, op: Op): Decided | null {
  run.seconds += op.wait;
  const commands = commandsOf(run, op);
  return attempt(() => (commands[0]?.type === 'claim' ? run.claim() : run.commit(...commands)));
}

export function attempt<T>(act: () => T): T | null {
  try {
    return act();
  } catch (error) {
    if (error instanceof EngineError && error.code !== 'internal') return null;
    throw error;
  }
}
