import type { PlanStep } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { ANNA, plan, planStep } from '../commands.fixture.ts';
import { foldPlan, stepsOf, type PlanChange } from '../plan.ts';
import { at, testRun, types, type TestRun } from '../run.fixture.ts';

const create = (...ids: string[]): PlanChange => ({ kind: 'create', steps: ids.map((id) => planStep(id)) });
const add = (...ids: string[]): PlanChange => ({ kind: 'add', steps: ids.map((id) => planStep(id)) });
const move = (stepId: string, status: PlanStep['status']): PlanChange => ({
  kind: 'update',
  stepId,
  patch: { status },
});
const ids = (run: TestRun): string[] => stepsOf(foldPlan(run.events)).map((step) => step.id);

describe('a plan', () => {
  it('is created once; the same request again changes nothing and shows the steps as they stand now', () => {
    const run = testRun();
    run.commit(plan({ change: create('a', 'b') }));
    run.commit(plan({ change: move('a', 'completed') }));
    const { decisions, events } = run.commit(plan({ change: create('a', 'b') }));
    expect(events).toEqual([]);
    expect(decisions[0]?.changed).toBe(false);
    expect(decisions[0]?.steps?.map((step) => [step.id, step.status])).toEqual([
      ['a', 'completed'],
      ['b', 'pending'],
    ]);
  });

  it('is not replaced by another one, nor by a part of it', () => {
    const run = testRun();
    run.commit(plan({ change: create('a', 'b') }));
    for (const change of [create('c'), create('a'), create('a', 'b', 'c')]) {
      expect(run.refused(plan({ change })).code).toBe('already_exists');
    }
    const other = { ...create('a'), steps: [planStep('a', { description: 'else' }), planStep('b')] };
    expect(run.refused(plan({ change: other })).code).toBe('already_exists');
  });

  it('takes steps before and after its creation, each id once', () => {
    const run = testRun();
    run.commit(plan({ change: add('x') }));
    run.commit(plan({ change: create('a') }));
    run.commit(plan({ change: add('b', 'c') }));
    expect(run.commit(plan({ change: add('b', 'c') })).events).toEqual([]);
    expect(run.refused(plan({ change: add('c') })).code).toBe('already_exists');
    expect(ids(run)).toEqual(['x', 'a', 'b', 'c']);
    expect(types(run.events.slice(1))).toEqual(['plan.steps_added', 'plan.created', 'plan.steps_added']);
  });

  it('refuses two steps of one id, and takes none as no change', () => {
    const run = testRun();
    expect(run.refused(plan({ change: create('a', 'a') })).code).toBe('invalid_request');
    expect(run.commit(plan({ change: create() })).decisions).toEqual([{ changed: false, steps: [] }]);
  });

  it('is extended behind its last step, whether it was there or not', () => {
    const run = testRun();
    run.commit(plan({ change: { ...create('a', 'b'), kind: 'extend' } as PlanChange }));
    run.commit(plan({ change: { ...create('c'), kind: 'extend' } as PlanChange }));
    expect(stepsOf(foldPlan(run.events)).map((step) => [step.id, step.sequence])).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    expect(run.refused(plan({ change: { ...create('c'), kind: 'extend' } as PlanChange })).code).toBe(
      'already_exists',
    );
  });

  it('knows within one commit what came before', () => {
    const run = testRun();
    const { decisions } = run.commit(
      plan({ change: create('a') }),
      plan({ change: move('a', 'in_progress') }),
    );
    expect(decisions[1]?.steps?.[0]?.status).toBe('in_progress');
  });
});

describe('a step', () => {
  it('says when it was begun first and when it was over', () => {
    const run = testRun();
    run.commit(plan({ change: create('a') }));
    run.seconds = 10;
    run.commit(plan({ change: move('a', 'in_progress') }));
    run.seconds = 20;
    run.commit(plan({ change: move('a', 'failed') }));
    run.seconds = 30;
    const { decisions } = run.commit(plan({ change: move('a', 'in_progress') }));
    expect(decisions[0]?.steps).toMatchObject([{ startedAt: at(10), completedAt: null }]);
    run.seconds = 40;
    run.commit(plan({ change: move('a', 'skipped') }));
    expect(stepsOf(foldPlan(run.events))).toMatchObject([{ startedAt: at(10), completedAt: at(40) }]);
  });

  it('is not changed by what it is already', () => {
    const run = testRun();
    run.commit(plan({ change: create('a') }));
    const same: PlanChange = { kind: 'update', stepId: 'a', patch: { status: 'pending', metadata: {} } };
    expect(run.commit(plan({ change: same })).events).toEqual([]);
    expect(run.commit(plan({ change: { kind: 'update', stepId: 'a', patch: {} } })).events).toEqual([]);
    run.commit(plan({ change: { kind: 'update', stepId: 'a', patch: { metadata: { x: 1 } } } }));
    expect(run.events.at(-1)).toMatchObject({
      data: { by: ANNA, stepId: 'a', patch: { metadata: { x: 1 } } },
    });
  });

  it('that is not there is not found', () => {
    expect(testRun().refused(plan({ change: move('a', 'completed') })).code).toBe('not_found');
  });
});
