import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemActor, type WaitBody } from '@fermata/protocol';
import {
  createMemoryStore,
  type MemoryRun,
  type MemoryStore,
} from '../../../../test/world/memory-committer.ts';
import { flowOf, startStep } from '../engine/commands.fixture.ts';
import type { Command, CommandOf } from '../engine/commands.ts';
import { EngineError } from '../engine/errors.ts';
import { failedStep, stepEnd } from '../engine/random-flow.fixture.ts';
import { dueAt, isInFlight, type CallState } from '../engine/state.ts';
import { actionableCalls, nextAct } from './next-act.ts';
import { ANNA, answering, cancelling, messaging, pausing, resuming } from './segment.fixture.ts';

/** What a call turns out to be, and how it ends. */
type CallChoice = 'complete' | 'fail' | 'approval' | 'tool_output' | 'timer' | 'in_doubt' | 'bad_arguments';
type Step =
  | { op: 'drive'; answer: 'text' | 'calls' | 'retry' | 'fail' | 'hold'; calls: number; choice: CallChoice }
  | {
      op: 'outside';
      command: 'pause' | 'pause_now' | 'resume' | 'message' | 'supersede' | 'cancel' | 'retry';
    }
  | { op: 'answer'; how: 'yes' | 'no' | 'edited' }
  | { op: 'lose'; how: 'adopt' | 'give_back' };

const choices: CallChoice[] = [
  'complete',
  'fail',
  'approval',
  'tool_output',
  'timer',
  'in_doubt',
  'bad_arguments',
];
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('drive' as const),
      answer: fc.constantFrom('text', 'calls', 'calls', 'retry', 'fail', 'hold'),
      calls: fc.integer({ min: 1, max: 3 }),
      choice: fc.constantFrom(...choices),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('outside' as const),
      command: fc.constantFrom(
        'pause',
        'pause_now',
        'resume',
        'resume',
        'message',
        'supersede',
        'cancel',
        'retry',
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('answer' as const), how: fc.constantFrom('yes', 'no', 'edited') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('lose' as const), how: fc.constantFrom('adopt', 'give_back') }),
  },
);

describe('the next act', () => {
  it('is accepted by the lifecycle in every state that commands can bring about', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary, { maxLength: 40 }), limitArbitrary, async (steps, limits) => {
        const driver = await createDriver(limits);
        for (const step of steps) await driver.take(step);
        checkTotal(driver.run);
      }),
      { numRuns: 400 },
    );
  });

  it('brings a run that is left alone to rest in a bounded number of steps', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary, { maxLength: 25 }), limitArbitrary, async (steps, limits) => {
        const driver = await createDriver(limits);
        for (const step of steps) await driver.take(step);
        const { run } = driver;
        for (let n = 0; dueAt(run.state) !== null; n += 1) {
          expect(n).toBeLessThan(40);
          const before = run.state.head;
          await driver.take({ op: 'drive', answer: 'text', calls: 0, choice: 'complete' });
          expect(run.state.head).toBeGreaterThan(before);
        }
        expect(nextAct(run.state)).toEqual({ kind: 'park' });
      }),
      { numRuns: 200 },
    );
  });
});

const limitArbitrary = fc.record(
  {
    maxTurns: fc.integer({ min: 1, max: 6 }),
    maxToolCalls: fc.integer({ min: 1, max: 4 }),
    isFlow: fc.boolean(),
    onLimit: fc.constantFrom('pause' as const, 'fail' as const),
  },
  { requiredKeys: [] },
);

function checkTotal({ state }: MemoryRun): void {
  // A segment sees a run only after its claim, which starts it.
  if (state.startedAt === null) return;
  const act = nextAct(state);
  expect(act.kind === 'park').toBe(dueAt(state) === null);
  expect(act.kind === 'give_back').toBe(dueAt(state) !== null && isInFlight(state));
}

interface Driver {
  run: MemoryRun;
  take(step: Step): Promise<void>;
}

/** Plays a segment by the acts alone, one commit at a time, so that anything may come in between. */
async function createDriver(settings: {
  maxTurns?: number;
  maxToolCalls?: number;
  onLimit?: 'pause' | 'fail';
  isFlow?: boolean;
}): Promise<Driver> {
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  const store = createMemoryStore(() => (nowMs += 10));
  const { onLimit, isFlow = false, ...limits } = settings;
  const flow = isFlow ? { agent: null, flow: flowOf('s1', 's2', 's3') } : {};
  const run = store.create({ agent: { limits, onLimit: onLimit ?? 'pause' }, created: flow });
  const { runId } = run.state;
  let waits = 0;

  async function claim(): Promise<void> {
    if (run.dispatch.claim !== null || run.dispatch.dueAt === null) return;
    nowMs = Math.max(nowMs, Date.parse(run.dispatch.dueAt));
    await store.commit({
      runId,
      organizationId: null,
      commands: [{ type: 'claim', by: systemActor('driver') }],
      take: { executorId: 'e', claim: `e:${nowMs}`, epoch: run.dispatch.epoch },
    });
  }

  async function asSegment(...commands: Command[]): Promise<void> {
    const { epoch, claim: token } = run.dispatch;
    if (token === null) throw new Error('nobody drives the run');
    await store.commit({ runId, organizationId: null, commands, segment: { epoch, claim: token } });
  }

  function wait(kind: WaitBody['kind'], { callId, tool, digest }: CallState): WaitBody {
    waits += 1;
    const deadlineAt = kind === 'timer' ? new Date(nowMs).toISOString() : null;
    return { ...WAIT, id: `wait_${waits}`, kind, callId, tool, deadlineAt, digest: digest ?? WAIT.digest };
  }

  async function drive(step: Extract<Step, { op: 'drive' }>): Promise<void> {
    await claim();
    const { state } = run;
    if (dueAt(state) === null) return;
    const running = state.calls.find((call) => call.state === 'running');
    if (state.turn.phase === 'model') return await asSegment(answerTurn(run, step));
    if (running !== undefined) {
      const { callId } = running;
      if (step.choice === 'in_doubt') {
        return await asSegment({ type: 'openWaits', waits: [wait('in_doubt', running)] });
      }
      const error = { code: 'tool_failed', message: 'no' };
      return await asSegment(
        step.choice === 'fail'
          ? { type: 'failCall', callId, error }
          : { type: 'completeCall', callId, output: 'ok' },
      );
    }
    await act(step);
  }

  async function act({ choice, calls }: Extract<Step, { op: 'drive' }>): Promise<void> {
    const next = nextAct(run.state);
    switch (next.kind) {
      case 'turn': {
        const { turn, attempt } = next;
        const through = run.state.head;
        return await asSegment({ type: 'startTurn', turn, attempt, through, model: 'm' });
      }
      case 'calls': {
        const call = actionableCalls(run.state).find(({ callId }) => next.callIds.includes(callId));
        if (call === undefined) throw new Error('an act on a call that is not there');
        return await asSegment(callCommand(call, choice, wait));
      }
      case 'step':
        return await asSegment(...stepAct(run, choice, calls));
      case 'finish':
        return await asSegment({ type: 'finish', output: 'done' });
      case 'park':
      case 'give_back':
        throw new Error(`${next.kind} of a run that is due, with nothing in flight`);
    }
  }

  async function take(step: Step): Promise<void> {
    switch (step.op) {
      case 'drive':
        return await drive(step);
      case 'outside':
        return await ifAccepted(store, run, outside(step.command));
      case 'answer': {
        const command = answerTo(run, step.how);
        return command === null ? undefined : await ifAccepted(store, run, command);
      }
      case 'lose':
        if (run.dispatch.claim === null) return;
        if (step.how === 'give_back')
          return await asSegment({ type: 'giveBack', reason: 'drain', afterMs: 0 });
        return await ifAccepted(store, run, { type: 'adopt', executorId: 'e', reason: 'dead' });
    }
  }

  return { run, take };
}

function thenOf(run: MemoryRun, answer: 'retry' | 'fail' | 'hold', n: number): CommandOf<'failTurn'>['then'] {
  if (answer === 'retry') return { kind: 'retry', afterMs: 0 };
  return answer === 'fail' ? failedStep(run, n) : { kind: 'hold' };
}

/** What a segment does with its flow: ends the step that has its result, or begins what comes next. */
function stepAct(run: MemoryRun, choice: CallChoice, calls: number): Command[] {
  const { flow } = run.state;
  const isFailing = choice === 'fail' ? 0 : 1;
  if (flow?.step?.phase === 'turns' || flow?.step?.phase === 'call') return stepEnd(run, isFailing);
  if (flow?.next === null) return [{ type: 'finish', output: 'done' }];
  if (calls === 1) return [startStep(run, { kind: 'turns' })];
  if (calls === 2) return [startStep(run, { kind: 'call', tool: 't', args: {} })];
  return [startStep(run, { kind: 'own', then: stepEnd(run, isFailing, (flow?.step?.attempt ?? 0) + 1) })];
}

function answerTurn(run: MemoryRun, step: Extract<Step, { op: 'drive' }>): Command {
  const { number: turn, attempt } = run.state.turn;
  if (step.answer === 'retry' || step.answer === 'fail' || step.answer === 'hold') {
    const then = thenOf(run, step.answer, step.calls);
    return { type: 'failTurn', turn, attempt, error: { code: 'provider_failed', message: 'no' }, then };
  }
  const asked = step.answer === 'calls' ? step.calls : 0;
  return {
    type: 'completeTurn',
    turn,
    attempt,
    parts: [{ type: 'text', text: 'hm' }],
    toolCalls: Array.from({ length: asked }, () => ({ providerCallId: null, tool: 't', args: {} })),
    finishReason: 'stop',
    usage: { inputTokens: 1, outputTokens: 1, costUsd: null },
    model: 'm',
    output: asked > 0 ? null : 'hm',
    ...(run.state.flow === undefined ? {} : { then: stepEnd(run, 1) }),
  };
}

function callCommand(
  call: CallState,
  choice: CallChoice,
  wait: (kind: WaitBody['kind'], call: CallState) => WaitBody,
): Command {
  const { callId } = call;
  const error = { code: 'invalid_arguments', message: 'no' };
  if (call.state === 'in_doubt' && choice === 'in_doubt') {
    return { type: 'openWaits', waits: [wait('in_doubt', call)] };
  }
  if (call.state === 'ready' && choice === 'bad_arguments') return { type: 'failCall', callId, error };
  if (call.state === 'ready' && choice === 'approval' && !call.approved) {
    return { type: 'openWaits', waits: [wait('approval', call)] };
  }
  if (call.state === 'ready' && (choice === 'tool_output' || choice === 'timer')) {
    return { type: 'openWaits', waits: [wait(choice, call)] };
  }
  return { type: 'startCall', callId, idempotencyKey: `k:${callId}`, digest: call.digest };
}

function outside(command: Extract<Step, { op: 'outside' }>['command']): Command {
  switch (command) {
    case 'pause':
      return pausing('checkpoint');
    case 'pause_now':
      return pausing('now');
    case 'resume':
      return resuming();
    case 'message':
      return messaging('more', 'queue');
    case 'supersede':
      return messaging('instead', 'supersede');
    case 'cancel':
      return cancelling();
    case 'retry':
      return { type: 'retry', by: ANNA, reason: null };
  }
}

function answerTo(run: MemoryRun, how: Extract<Step, { op: 'answer' }>['how']): Command | null {
  const wait = run.state.waits[0];
  switch (wait?.kind) {
    case 'approval': {
      const decision = how === 'no' ? 'deny' : 'approve';
      return answering(run, { decision, ...(how === 'edited' ? { editedArgs: { other: true } } : {}) });
    }
    case 'tool_output':
      return answering(run, how === 'no' ? { error: 'broken' } : { output: { ok: true } });
    case 'timer':
      return answering(run, { outcome: 'fire' });
    case 'in_doubt':
      return answering(run, { outcome: how === 'yes' ? 'done' : how === 'no' ? 'skip' : 'retry' });
    default:
      return null;
  }
}

/** Outside commands may well be refused; what the driver does may not. */
async function ifAccepted(store: MemoryStore, run: MemoryRun, command: Command): Promise<void> {
  try {
    await store.commit({ runId: run.state.runId, organizationId: 1, commands: [command] });
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
  }
}

const WAIT: Omit<WaitBody, 'id' | 'kind' | 'callId' | 'tool' | 'deadlineAt'> = {
  prompt: 'May I?',
  args: {},
  digest: 'd',
  schema: null,
  childRunId: null,
  approvers: null,
  assignee: null,
  deadline: [],
  onExpire: 'continue',
};
