import fc from 'fast-check';
import {
  type Actor,
  EVENT_DATA,
  EVENT_TYPES,
  type EventType,
  isTerminal,
  RUN_STATUSES,
  type RunEvent,
} from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { apply, fold } from './apply.ts';
import type { Command } from './commands.ts';
import type { Decided } from './decide.ts';
import { EngineError } from './errors.ts';
import { commandsOf, createdArbitrary, opsArbitrary, tryOp } from './random.fixture.ts';
import { EMPTY_RECORD, recordPatch, type RunRecord } from './record.ts';
import { testRun, types } from './run.fixture.ts';
import { copyState, isInFlight, type RunState } from './state.ts';

const RUNS = 150;
type Check = (log: readonly RunEvent[], state: RunState) => void;

/** What holds for every log and the state that it has brought about. */
const OF_LOGS: Record<string, Check> = {
  '(I1) seq is dense, and time never goes back'(log) {
    log.forEach((event, index) => {
      expect(event.seq).toBe(index + 1);
      expect(event.at >= (log[index - 1]?.at ?? '')).toBe(true);
    });
  },

  '(I2) the fold of the log, as JSON, is the state; so is the fold of a part and then the rest'(log, state) {
    expect(fold(log)).toEqual(state);
    const cut = Math.ceil(log.length / 2);
    const stored = JSON.parse(JSON.stringify(fold(log.slice(0, cut)))) as RunState;
    expect(log.slice(cut).reduce((onto, event) => apply(onto, event), stored)).toEqual(state);
  },

  'every event has the shape that the protocol says'(log) {
    for (const event of log)
      expect(EVENT_DATA[event.type].safeParse(event.data).error?.message).toBeUndefined();
  },

  '(I3) after the end comes only what may, until a reopening'(log) {
    let ended: EventType | null = null;
    for (const event of log) {
      if (event.type === 'run.reopened') ended = null;
      else if (ended !== null) {
        const isLate =
          (event.type === 'tool.completed' || event.type === 'tool.failed') && event.data.late === true;
        expect([ended, event.type, isLate || AFTER_END.has(event.type)]).toEqual([ended, event.type, true]);
      }
      if (ENDS.has(event.type)) ended = event.type;
    }
  },

  '(I4) a wait is opened once and closed at most once, and the state has those that are open'(log, state) {
    const opened = new Set<string>();
    const closed = new Set<string>();
    for (const { type, data } of log) {
      if (type === 'wait.opened') {
        expect(opened.has(data.id)).toBe(false);
        opened.add(data.id);
      }
      if (CLOSES.has(type) && 'waitId' in data) {
        expect([opened.has(data.waitId), closed.has(data.waitId)]).toEqual([true, false]);
        closed.add(data.waitId);
      }
    }
    expect(state.waits.map((wait) => wait.id)).toEqual([...opened].filter((id) => !closed.has(id)));
    expect(new Set(state.waits.map((wait) => wait.callId)).size).toBe(state.waits.length);
  },

  '(I6) no committed step is begun again; every call has exactly one result before the next turn'(log) {
    const answered = new Set<number>();
    const asked = new Set<string>();
    const results = new Set<string>();
    for (const { type, data } of log) {
      switch (type) {
        case 'step.started':
          expect([...asked].filter((callId) => !results.has(callId))).toEqual([]);
          if (data.call !== undefined) asked.add(data.call.callId);
          break;
        case 'turn.started':
          expect(answered.has(data.turn)).toBe(false);
          expect([...asked].filter((callId) => !results.has(callId))).toEqual([]);
          break;
        case 'message.completed':
          expect(answered.has(data.turn)).toBe(false);
          answered.add(data.turn);
          for (const { callId } of data.toolCalls) asked.add(callId);
          break;
        case 'turn.completed':
          expect([...asked].filter((callId) => !results.has(callId))).toEqual([]);
          break;
        case 'tool.started':
          expect([asked.has(data.callId), results.has(data.callId)]).toEqual([true, false]);
          break;
        case 'tool.completed':
        case 'tool.failed':
        case 'tool.denied':
          if ('late' in data && data.late === true) break;
          expect([data.callId, asked.has(data.callId), results.has(data.callId)]).toEqual([
            data.callId,
            true,
            false,
          ]);
          results.add(data.callId);
          break;
        default:
      }
    }
  },

  '(I6) the steps of a flow are taken in the order that the log says, and each is over once'(log, state) {
    if (state.flow === undefined) return;
    let next: string | null = 's1';
    const over = new Set<string>();
    const attempts = new Map<string, number>();
    for (const { type, data } of log) {
      if (type === 'run.succeeded' && data.by.type === 'agent') expect(next).toBe(null);
      if (!type.startsWith('step.') || !('stepId' in data)) continue;
      const { stepId } = data;
      expect([stepId, over.has(stepId ?? '')]).toEqual([next, false]);
      if (type === 'step.started') {
        expect(data.attempt).toBe((attempts.get(data.stepId) ?? 0) + 1);
        attempts.set(data.stepId, data.attempt);
      }
      if ('next' in data && data.next !== undefined) {
        over.add(stepId ?? '');
        next = data.next;
      }
    }
    expect(state.flow.next).toBe(next);
  },

  'pausing, paused and resumed are said once for each change, in order'(log, state) {
    let stage: EventType = 'run.resumed';
    for (const { type } of log) {
      if (type === 'run.pausing')
        expect([stage === 'run.resumed' || ENDS.has(stage), type]).toEqual([true, type]);
      if (type === 'run.paused') expect(stage).toBe('run.pausing');
      if (type === 'run.resumed') expect(['run.pausing', 'run.paused']).toContain(stage);
      if (STAGES.has(type)) stage = type;
    }
    if (isTerminal(state.status)) return;
    const expected = state.status === 'paused' ? 'run.paused' : 'run.pausing';
    if (state.holds.length > 0) expect(stage).toBe(expected);
    else expect(stage === 'run.resumed' || ENDS.has(stage)).toBe(true);
  },

  'the clock of a wait stands exactly while a hold stops it'(log, state) {
    const stopping = new Set<string>();
    const ends = new Map<string, number>();
    let since = 0;
    let last = 0;
    for (const { type, data, at: time } of log) {
      const now = Date.parse(time);
      if (stopping.size > 0) for (const [id, end] of ends) ends.set(id, Math.max(end, since) + now - last);
      if (type === 'hold.placed') {
        if (stopping.size === 0) since = now;
        if (data.hold.stopClock) stopping.add(data.hold.name);
      }
      if (type === 'hold.released') stopping.delete(data.name);
      if (type === 'run.reopened') stopping.clear();
      if (type === 'wait.opened' && data.deadlineAt !== null && data.kind !== 'timer') {
        ends.set(data.id, Date.parse(data.deadlineAt));
      }
      if (type === 'wait.escalated') {
        if (data.deadlineAt === null) ends.delete(data.waitId);
        else ends.set(data.waitId, Date.parse(data.deadlineAt));
      }
      last = now;
    }
    for (const wait of state.waits) {
      const end = ends.get(wait.id);
      if (end === undefined && wait.kind !== 'timer')
        expect(wait).toMatchObject({ deadlineAt: null, remainingMs: null });
      if (end === undefined) continue;
      const stands = { deadlineAt: null, remainingMs: Math.max(end, since) - last };
      const goes = { deadlineAt: new Date(end).toISOString(), remainingMs: null };
      expect(wait).toMatchObject(stopping.size > 0 ? stands : goes);
    }
  },
};

/** What holds for every commit that was accepted. */
function checkCommit(commands: Command[], before: RunState, { state, events, decisions }: Decided): void {
  const changed = decisions.some((decision) => decision.changed);
  const [command] = commands;
  if (command?.type !== 'claim') expect([commands, events.length > 0]).toEqual([commands, changed]);
  if (isTerminal(before.status) && !types(events).includes('run.reopened'))
    expect(state.status).toBe(before.status);
  if (isTerminal(state.status)) expect([isInFlight(state), state.waits]).toEqual([false, []]);
  let folded = before;
  for (const event of events) {
    folded = apply(copyState(folded), event);
    if (event.type === 'segment.lost' || event.type === 'segment.returned')
      expect(isInFlight(folded)).toBe(false);
  }
  const said = events.filter((event) => event.type === 'run.waiting').length;
  expect(said).toBe(state.status === 'waiting' && before.status !== 'waiting' ? 1 : 0);
  if (commands.length !== 1 || !changed || command === undefined || !('by' in command)) return;
  const actors = events.flatMap(actorsOf);
  const isByClock = command.type === 'exhaust' || command.type === 'expire';
  if (isByClock) expect(actors.length).toBeGreaterThan(0);
  else if (command.type !== 'claim') expect(actors).toContainEqual(command.by);
}

describe('whatever happens to a run', () => {
  const factsArbitrary = fc.infiniteStream(fc.record({ driven: fc.boolean(), attempts: fc.nat({ max: 5 }) }));

  it('every commit keeps what holds for commits, and every refusal leaves the run untouched', () => {
    fc.assert(
      fc.property(createdArbitrary, opsArbitrary, factsArbitrary, (over, steps, facts) => {
        const run = testRun(over);
        for (const op of steps) {
          // Made up, so that no rule rests on what the dispatcher does.
          run.madeUp = facts.next().value;
          const before = run.state;
          const commands = commandsOf(run, op);
          const decided = tryOp(run, op);
          if (decided === null) expect(run.state).toBe(before);
          else checkCommit(commands, before, decided);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('its log keeps what holds for logs', () => {
    fc.assert(
      fc.property(createdArbitrary, opsArbitrary, (over, steps) => {
        const run = testRun(over);
        for (const op of steps) tryOp(run, op);
        const log = JSON.parse(JSON.stringify(run.events)) as RunEvent[];
        for (const [rule, check] of Object.entries(OF_LOGS)) {
          try {
            check(log, run.state);
          } catch (error) {
            throw new Error(rule, { cause: error });
          }
        }
        let record: RunRecord = EMPTY_RECORD;
        for (const event of log) record = { ...record, ...recordPatch(record, event) };
        expect(record).toEqual(run.record);
      }),
      { numRuns: RUNS },
    );
  });

  it('asking twice changes nothing the second time', () => {
    fc.assert(
      fc.property(createdArbitrary, opsArbitrary, (over, steps) => {
        const run = testRun(over);
        for (const op of steps) {
          const commands = commandsOf(run, op);
          if (tryOp(run, op) === null || !commands.every(isRepeatable)) continue;
          const before = run.state;
          try {
            const { decisions, events } = run.commit(...commands);
            const changed = decisions.some((decision) => decision.changed);
            expect([commands, changed, events]).toEqual([commands, false, []]);
          } catch (error) {
            // The first released what a resume releases; what is left must be named.
            if (!(error instanceof EngineError) || error.code !== 'held') throw error;
            expect(run.state).toBe(before);
          }
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('gets everywhere: every status and nearly every event', () => {
    const seen = new Set<string>();
    for (const [over, steps] of fc.sample(fc.tuple(createdArbitrary, opsArbitrary), {
      numRuns: 300,
      seed: 7,
    })) {
      const run = testRun(over);
      for (const op of steps) {
        tryOp(run, op);
        seen.add(run.state.status);
      }
      for (const { type } of run.events) seen.add(type);
    }
    for (const status of RUN_STATUSES) expect(seen).toContain(status);
    expect(EVENT_TYPES.filter((type) => !seen.has(type) && !NOT_HERE.has(type))).toEqual([]);
  });
});

function actorsOf({ data }: RunEvent): Actor[] {
  const found: Actor[] = [];
  if ('by' in data && data.by !== null && data.by !== undefined) found.push(data.by);
  if ('hold' in data && typeof data.hold === 'object') found.push(data.hold.by);
  if ('resolution' in data) found.push(data.resolution.by);
  if ('early' in data) found.push(data.early.by);
  return found;
}

function isRepeatable(command: Command): boolean {
  switch (command.type) {
    case 'pause':
    case 'resume':
    case 'cancel':
    case 'answer':
    case 'update':
    case 'report':
    case 'assign':
    case 'snooze':
    case 'expire':
    case 'exhaust':
      return true;
    case 'message':
      return command.messageId !== null;
    case 'note':
      return command.note.key !== null;
    default:
      return false;
  }
}

const ENDS: ReadonlySet<string> = new Set(['run.succeeded', 'run.failed', 'run.cancelled']);
const CLOSES: ReadonlySet<string> = new Set([
  'wait.resolved',
  'wait.expired',
  'wait.superseded',
  'wait.cancelled',
]);
const STAGES: ReadonlySet<string> = new Set(['run.pausing', 'run.paused', 'run.resumed', ...ENDS]);
const AFTER_END: ReadonlySet<string> = new Set([
  'run.updated',
  'note.logged',
  'plan.created',
  'plan.steps_added',
  'plan.step_updated',
  'usage.recorded',
  'child.changed',
  'child.finished',
]);
/** Events that no command of one run brings about: tool output, the ladder, plans, trees, extra usage. */
const NOT_HERE: ReadonlySet<string> = new Set([
  'tool.output',
  'wait.escalated',
  'tree.paused',
  'plan.created',
  'plan.steps_added',
  'plan.step_updated',
  'usage.recorded',
]);
