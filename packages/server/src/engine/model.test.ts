import fc from 'fast-check';
import type { AnswerBody, DeadlineStep, JsonObject, WaitBody } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import {
  ANNA,
  answer,
  BEN,
  cancel,
  childBody,
  completeCall,
  completeTurn,
  DIGEST,
  expire,
  failCall,
  failTurn,
  giveBack,
  message,
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
import { EngineError } from './errors.ts';
import { at, testRun, type TestRun } from './run.fixture.ts';
import {
  newModel,
  statusOf,
  step,
  type Kind,
  type Model,
  type Outcome,
  type Rung,
  type Step,
} from '../../../../test/engine/model/reference-model.ts';

const HOLDS = ['operator', 'review', 'provider', 'budget'];
const KINDS: Kind[] = ['approval', 'tool_output', 'input', 'timer', 'in_doubt', 'run'];
const index = fc.nat({ max: 5 });

type Arbitraries = { [D in Step['do']]: [weight: number, fc.Arbitrary<Extract<Step, { do: D }>>] };
const of = <D extends Step['do']>(doing: D): fc.Arbitrary<D> => fc.constant(doing);

const STEPS: Arbitraries = {
  pause: [
    3,
    fc.record({
      do: of('pause'),
      hold: fc.constantFrom(...HOLDS),
      now: fc.boolean(),
      stopClock: fc.boolean(),
    }),
  ],
  resume: [6, fc.record({ do: of('resume'), hold: fc.constantFrom(null, null, ...HOLDS) })],
  answer: [
    8,
    fc.record({
      do: of('answer'),
      wait: index,
      yes: fc.boolean(),
      who: fc.constantFrom('anna', 'anna', 'ben'),
    }),
  ],
  message: [
    3,
    fc.record({
      do: of('message'),
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      onWaiting: fc.constantFrom(null, 'queue', 'supersede'),
      resume: fc.boolean(),
      reopen: fc.boolean(),
    }),
  ],
  end: [2, fc.record({ do: of('end'), status: fc.constantFrom('succeeded', 'failed', 'failed', 'failed') })],
  cancel: [1, fc.record({ do: of('cancel') })],
  retry: [6, fc.record({ do: of('retry') })],
  seal: [1, fc.record({ do: of('seal'), sealed: fc.constantFrom(true, false, false) })],
  expire: [2, fc.record({ do: of('expire'), wait: index })],
  child_ends: [6, fc.record({ do: of('child_ends'), wait: index })],
  claim: [4, fc.record({ do: of('claim') })],
  start_turn: [14, fc.record({ do: of('start_turn') })],
  answer_turn: [10, fc.record({ do: of('answer_turn'), calls: fc.constantFrom(0, 1, 2, 2, 3) })],
  fail_turn: [1, fc.record({ do: of('fail_turn'), then: fc.constantFrom('retry', 'hold', 'fail') })],
  start_call: [8, fc.record({ do: of('start_call'), call: index })],
  end_call: [8, fc.record({ do: of('end_call'), call: index, well: fc.boolean() })],
  open_wait: [
    12,
    fc.record({
      do: of('open_wait'),
      call: index,
      kind: fc.constantFrom(...KINDS),
      ladder: fc.array(fc.constantFrom<Rung>('tell', 'assign', 'yes', 'no', 'end'), { maxLength: 3 }),
    }),
  ],
  give_back: [2, fc.record({ do: of('give_back') })],
  finish: [1, fc.record({ do: of('finish') })],
};
const stepsArbitrary = fc.array(
  fc.oneof(
    ...Object.values(STEPS).map(([weight, arbitrary]) => ({
      weight,
      arbitrary: arbitrary as fc.Arbitrary<Step>,
    })),
  ),
  { maxLength: 80, size: 'max' },
);

const YES: Record<Kind, AnswerBody> = {
  approval: { decision: 'approve', digest: DIGEST },
  tool_output: { output: 1 },
  input: { value: 'yes' },
  timer: { outcome: 'fire' },
  in_doubt: { outcome: 'done', output: 1 },
  run: { output: 1 },
};
const NO: Record<Kind, AnswerBody> = {
  approval: { decision: 'deny', digest: DIGEST },
  tool_output: { error: 'no' },
  input: { value: 'no' },
  timer: { outcome: 'fire' },
  in_doubt: { outcome: 'retry' },
  run: { error: 'no' },
};

/** Every step is due now, one after the other. */
function ladderOf({ kind, ladder }: Step & { do: 'open_wait' }): Pick<WaitBody, 'deadline' | 'deadlineAt'> {
  const stepOf = (rung: Rung): Omit<DeadlineStep, 'after'> => {
    switch (rung) {
      case 'tell':
        return { notify: 'oncall' };
      case 'assign':
        return { assign: 'ben' };
      case 'yes':
        return { decide: { ...YES[kind] } as JsonObject };
      case 'no':
        return { decide: { ...NO[kind] } as JsonObject };
      case 'end':
        return { expire: true };
    }
  };
  const isDue = kind === 'timer' || ladder.length > 0;
  const deadline = kind === 'timer' ? [] : ladder.map((rung) => ({ after: 1, ...stepOf(rung) }));
  return { deadline, deadlineAt: isDue ? at(0) : null };
}

/** The engine's command for a step of the model. The model is as it was before the step. */
function commandFor(run: TestRun, model: Model, kinds: Map<string, Kind>, doing: Step): Command {
  const waitId =
    'wait' in doing ? (model.all[doing.wait % Math.max(1, model.all.length)]?.id ?? 'none') : 'none';
  const callId =
    'call' in doing ? (model.calls[doing.call % Math.max(1, model.calls.length)]?.id ?? 'none') : 'none';
  switch (doing.do) {
    case 'pause':
      return pause({ hold: doing.hold, at: doing.now ? 'now' : 'checkpoint', stopClock: doing.stopClock });
    case 'resume':
      return resume({ hold: doing.hold });
    case 'answer': {
      const body = (doing.yes ? YES : NO)[kinds.get(waitId) ?? 'input'];
      return answer({ waitId }, body, { by: doing.who === 'anna' ? ANNA : BEN });
    }
    case 'message':
      return message({
        messageId: doing.id,
        onWaiting: doing.onWaiting,
        resume: doing.resume,
        reopen: doing.reopen,
      });
    case 'end':
      return report({ status: doing.status });
    case 'cancel':
      return cancel();
    case 'retry':
      return retry();
    case 'seal':
      return update({ sealed: doing.sealed });
    case 'expire':
      return expire(waitId);
    case 'child_ends': {
      const ended = { status: 'succeeded', output: 1, error: null, childSeq: 9 } as const;
      return { type: 'childFinished', childRunId: `child-${waitId}`, ...ended };
    }
    case 'claim':
      return { type: 'claim', by: ANNA };
    case 'start_turn':
      return startTurn(run);
    case 'answer_turn':
      return completeTurn(
        run,
        Array.from({ length: doing.calls }, () => 'tool'),
      );
    case 'fail_turn':
      return failTurn(run, doing.then === 'retry' ? { kind: 'retry', afterMs: 1 } : { kind: doing.then });
    case 'start_call':
      return startCall(callId, run.state.calls.find((open) => open.callId === callId)?.digest ?? null);
    case 'end_call':
      return doing.well ? completeCall(callId) : failCall(callId);
    case 'open_wait': {
      const id = `w${model.all.length}`;
      const childRunId = doing.kind === 'run' ? `child-${id}` : null;
      const wait = waitBody(id, doing.kind, { callId, ...ladderOf(doing), childRunId });
      if (childRunId === null) return openWaits(wait);
      return { type: 'delegate', wait, child: { runId: childRunId, created: childBody({}), secrets: null } };
    }
    case 'give_back':
      return giveBack();
    case 'finish':
      return { type: 'finish', output: null };
  }
}

function outcomeOf(run: TestRun, command: Command): Outcome {
  try {
    const { decisions } = run.commit(command);
    return decisions[0]?.changed === true ? 'changed' : 'same';
  } catch (error) {
    if (error instanceof EngineError) return { refused: error.code };
    throw error;
  }
}

/** What both must agree on. */
function shown(run: TestRun): unknown {
  const { state } = run;
  return {
    status: state.status,
    holds: state.holds.map((hold) => hold.name),
    waits: state.waits.map((wait) => wait.id),
    calls: state.calls.map((open) => open.callId),
    inbox: state.inbox.length,
    turn: state.turn.number,
    sealed: state.sealed !== null,
  };
}
function expected(model: Model): unknown {
  return {
    status: statusOf(model),
    holds: [...model.holds.keys()],
    waits: model.waits.map((wait) => wait.id),
    calls: model.calls.map((open) => open.id),
    inbox: model.inbox.length,
    turn: model.turn,
    sealed: model.sealed,
  };
}

describe('the engine and a simple model of the lifecycle', () => {
  it('agree on every outcome and every status, whatever happens', () => {
    fc.assert(
      fc.property(stepsArbitrary, (steps) => {
        const run = testRun();
        const model = newModel();
        const kinds = new Map<string, Kind>();
        for (const doing of steps) {
          // A timer can only be fired: there is no other answer.
          const target =
            'wait' in doing ? model.all[doing.wait % Math.max(1, model.all.length)]?.id : undefined;
          const asked: Step =
            doing.do === 'answer' && kinds.get(target ?? '') === 'timer' ? { ...doing, yes: true } : doing;
          const command = commandFor(run, model, kinds, asked);
          if (asked.do === 'open_wait') kinds.set(`w${model.all.length}`, asked.kind);
          const wants = step(model, asked);
          expect([asked, outcomeOf(run, command)]).toEqual([asked, wants]);
          expect([asked, shown(run)]).toEqual([asked, expected(model)]);
        }
      }),
      { numRuns: 300 },
    );
  });
});
