import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Command } from './commands.ts';
import type { Dispatch, Offer } from './dispatch.ts';
import { commandsOf, createdArbitrary, type Op, opsArbitrary, tryOp } from './random.fixture.ts';
import { testRun, type TestRun, types } from './run.fixture.ts';
import { dueAt, hasWork, isInFlight } from './state.ts';

/** Commands of a segment: refused by the store unless epoch and claim are the run's. */
const OF_SEGMENT: ReadonlySet<string> = new Set([
  'startTurn',
  'delta',
  'completeTurn',
  'failTurn',
  'startCall',
  'completeCall',
  'failCall',
  'openWaits',
  'startStep',
  'completeStep',
  'skipStep',
  'failStep',
  'finish',
  'fail',
  'giveBack',
]);

/** What the process answers when the run has become due; every claim is a segment of its own. */
const offerArbitrary = fc.infiniteStream(fc.constantFrom<Offer['kind'][]>('claim', 'claim', 'job', 'full'));

const STEPS: ReadonlySet<string> = new Set([
  'completeTurn',
  'failTurn',
  'completeCall',
  'failCall',
  'openWaits',
  'startStep',
  'completeStep',
  'skipStep',
  'failStep',
  'finish',
]);

interface Watch {
  /** Index of the first event of the last commit. */
  from: number;
  /** Jobs that were added, by epoch, as the job key makes them one. */
  jobs: Map<number, string>;
  /** The claim that each epoch has had. */
  claims: Map<number, string>;
}

/** Lets ops happen as the store would: a claim only where the run is free, a segment's commands only to its claim. */
function drive(
  over: Parameters<typeof testRun>[0],
  steps: readonly Op[],
  offers: Iterator<Offer['kind']>,
  look: (run: TestRun, watch: Watch, before: Dispatch, commands: Command[]) => void,
): void {
  const run = testRun(over);
  const watch: Watch = { from: 0, jobs: new Map(), claims: new Map() };
  note(run, watch);
  steps.forEach((op, index) => {
    const before = run.dispatch;
    const kind = offers.next().value as Offer['kind'];
    const offer: Record<Offer['kind'], Offer> = {
      claim: { kind: 'claim', executorId: 'here', claim: `offer:${index}` },
      job: { kind: 'job' },
      full: { kind: 'full', why: 'organization' },
    };
    run.offer = offer[kind];
    const commands = commandsOf(run, op);
    const isFree = before.claim === null && before.dueAt !== null;
    if (commands.some(({ type }) => type === 'claim') && !isFree) return;
    if (commands.some(({ type }) => OF_SEGMENT.has(type)) && before.claim === null) return;
    watch.from = run.events.length;
    if (tryOp(run, op) === null) return;
    note(run, watch);
    look(run, watch, before, commands);
  });
}

function note({ dispatch, last }: TestRun, watch: Watch): void {
  if (last !== null && last.job !== null) watch.jobs.set(dispatch.epoch, last.job.runAt);
  if (dispatch.claim === null) return;
  const owner = watch.claims.get(dispatch.epoch);
  // Each segment owns one epoch, so a fenced pair of epoch and claim is never valid again.
  expect(owner ?? dispatch.claim).toBe(dispatch.claim);
  watch.claims.set(dispatch.epoch, dispatch.claim);
}

function property(look: Parameters<typeof drive>[3]): void {
  fc.assert(
    fc.property(createdArbitrary, opsArbitrary, offerArbitrary, (over, steps, offers) => {
      drive(over, steps, offers, look);
    }),
    { numRuns: 200 },
  );
}

describe('whatever happens to a run', () => {
  it('(I8) while it is due it is claimed, has a job, or waits for room; while it is not, it is nobody’s', () => {
    property((run, { jobs }) => {
      const { dispatch, state } = run;
      expect(dispatch.dueAt === null).toBe(dueAt(state) === null);
      if (dispatch.dueAt === null) expect([dispatch.claim, dispatch.executorId]).toEqual([null, null]);
      else if (dispatch.dueAt === 'infinity') expect(dispatch.claim).toBeNull();
      else if (dispatch.claim === null) expect(jobs.get(dispatch.epoch)).toBe(dispatch.dueAt);
      if (state.status === 'running' && state.mode === 'managed') expect(hasWork(state)).toBe(true);
    });
  });

  it('(I5) its epoch never falls, and grows by one with each hand that takes the claim', () => {
    property(({ dispatch }, _watch, before) => {
      expect([0, 1]).toContain(dispatch.epoch - before.epoch);
      if (before.claim !== null && dispatch.claim !== before.claim && dispatch.claim !== null) {
        expect(dispatch.epoch).toBe(before.epoch + 1);
      }
      if (before.dueAt === null && dispatch.dueAt !== null) expect(dispatch.epoch).toBe(before.epoch + 1);
    });
  });

  it('(I5) nothing is in flight that no segment drives', () => {
    property(({ state, dispatch }) => {
      if (isInFlight(state)) expect(dispatch.claim).not.toBeNull();
    });
  });

  it('its segment keeps it through every commit that does not take it away', () => {
    property(({ dispatch, events }, { from }, before, commands) => {
      const said = types(events.slice(from));
      const taken = said.includes('segment.lost') || said.includes('segment.returned');
      if (before.claim === null || taken || dispatch.dueAt === null) return;
      expect([commands, dispatch.claim, dispatch.epoch]).toEqual([commands, before.claim, before.epoch]);
    });
  });

  it('its attempts are its deaths in a row, and the claim that has not come to a step', () => {
    fc.assert(
      fc.property(createdArbitrary, opsArbitrary, offerArbitrary, (over, steps, offers) => {
        let deaths = 0;
        let isProven = false;
        drive(over, steps, offers, ({ dispatch, events }, { from }, before, commands) => {
          const said = events.slice(from);
          const steppedNow = before.claim !== null && commands.some(({ type }) => STEPS.has(type));
          const isForgiven = said.some(
            ({ type, data }) =>
              type === 'run.reopened' || (type === 'hold.released' && data.name === 'policy'),
          );
          if (steppedNow || isForgiven) [deaths, isProven] = [0, true];
          if (said.some(({ type }) => type === 'segment.lost') && !isProven) deaths += 1;
          if (dispatch.claim !== before.claim) isProven = false;
          expect(dispatch.attempts).toBe(deaths + (dispatch.claim !== null && !isProven ? 1 : 0));
        });
      }),
      { numRuns: 200 },
    );
  });
});
