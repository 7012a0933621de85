import { type ErrorCode, RUN_STATUSES, type RunStatus } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import {
  ANNA,
  answer,
  cancel,
  expire,
  message,
  note,
  pause,
  plan,
  report,
  resume,
  retry,
  update,
} from './commands.fixture.ts';
import type { Command } from './commands.ts';
import { at, type TestRun } from './run.fixture.ts';
import { externals, managed } from './statuses.fixture.ts';

/** What a command does: the status afterwards; `same`: accepted, nothing changed; or the code of the refusal. */
type Cell = RunStatus | 'same' | { refuse: ErrorCode } | { fields: RunStatus };
type Row = Record<RunStatus, Cell>;
const no: Cell = { refuse: 'invalid_transition' };

/** Design section 3, cell by cell. A column's name is the status before, for a managed run. */
const TABLE: Record<string, { command: Command; row: Row }> = {
  pause: {
    command: pause(),
    row: cells('paused', 'pausing', 'same', 'same', 'paused', no, no, no),
  },
  'pause under another name': {
    command: pause({ hold: 'review' }),
    row: cells('paused', 'pausing', 'pausing', 'paused', 'paused', no, no, no),
  },
  'pause now': {
    command: pause({ at: 'now' }),
    row: cells('paused', 'paused', 'paused', 'same', 'paused', no, no, no),
  },
  resume: {
    command: resume(),
    row: cells('same', 'same', 'running', 'running', 'same', no, no, no),
  },
  answer: {
    command: answer({ waitId: 'w1' }, { value: 'blue' }),
    row: cells(
      { refuse: 'not_found' },
      { refuse: 'not_found' },
      { refuse: 'not_found' },
      { refuse: 'not_found' },
      'running',
      { refuse: 'not_found' },
      { refuse: 'not_found' },
      { refuse: 'not_found' },
    ),
  },
  message: {
    command: message(),
    row: cells('queued', 'running', 'pausing', 'paused', { refuse: 'waits_open' }, no, no, no),
  },
  'message, resume: true': {
    command: message({ resume: true }),
    row: cells('queued', 'running', 'running', 'running', { refuse: 'waits_open' }, no, no, no),
  },
  'message, onWaiting: queue': {
    command: message({ onWaiting: 'queue' }),
    row: cells('queued', 'running', 'pausing', 'paused', 'waiting', no, no, no),
  },
  'message, onWaiting: supersede': {
    command: message({ onWaiting: 'supersede' }),
    row: cells('queued', 'running', 'pausing', 'paused', 'running', no, no, no),
  },
  'message, reopen: true': {
    command: message({ reopen: true }),
    row: cells(
      'queued',
      'running',
      'pausing',
      'paused',
      { refuse: 'waits_open' },
      'running',
      'running',
      'running',
    ),
  },
  'report running': {
    command: report({ status: 'running' }),
    row: cells(...fill({ refuse: 'invalid_request' }), no, no, no),
  },
  'report succeeded': {
    command: report({ status: 'succeeded' }),
    row: cells(...fill('succeeded'), 'same', no, no),
  },
  'report failed': {
    command: report({ status: 'failed' }),
    row: cells(...fill('failed'), no, 'same', no),
  },
  'report failed, reopen: true': {
    command: report({ status: 'failed', reopen: true }),
    row: cells(...fill('failed'), no, 'same', no),
  },
  'report of fields': {
    command: report({ output: 'so far' }),
    row: everywhere((status) => ({ fields: status })),
  },
  retry: {
    command: retry(),
    row: cells(...fill(no), no, 'running', no),
  },
  cancel: {
    command: cancel(),
    row: cells(...fill('cancelled'), no, no, 'same'),
  },
  update: {
    command: update({ title: 'new' }),
    row: everywhere((status) => ({ fields: status })),
  },
  note: {
    command: note(),
    row: everywhere((status) => ({ fields: status })),
  },
  plan: {
    command: plan(),
    row: everywhere((status) => ({ fields: status })),
  },
  assign: {
    command: { type: 'assign', by: ANNA, waitId: 'w1', assignee: 'ben' },
    row: onlyWaiting({ fields: 'waiting' }, { refuse: 'not_found' }),
  },
  snooze: {
    command: { type: 'snooze', by: ANNA, waitId: 'w1', until: at(60) },
    row: onlyWaiting({ fields: 'waiting' }, { refuse: 'not_found' }),
  },
  'expire before the deadline': {
    command: expire('w1'),
    row: onlyWaiting('same', 'same'),
  },
};

function cells(...row: [Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell]): Row {
  const [queued, running, pausing, paused, waiting, succeeded, failed, cancelled] = row;
  return { queued, running, pausing, paused, waiting, succeeded, failed, cancelled };
}
/** The five statuses of a run that has not ended. */
function fill(cell: Cell): [Cell, Cell, Cell, Cell, Cell] {
  return [cell, cell, cell, cell, cell];
}
function everywhere(cell: (status: RunStatus) => Cell): Row {
  return Object.fromEntries(RUN_STATUSES.map((status) => [status, cell(status)])) as Row;
}
function onlyWaiting(waiting: Cell, other: Cell): Row {
  return everywhere((status) => (status === 'waiting' ? waiting : other));
}

function check(run: TestRun, command: Command, cell: Cell): void {
  const before = run.state;
  if (typeof cell === 'object' && 'refuse' in cell) {
    expect(run.refused(command).code).toBe(cell.refuse);
    expect(run.state).toEqual(before);
    return;
  }
  const { decisions, events } = run.commit(command);
  expect(decisions[0]?.changed).toBe(cell !== 'same');
  expect(events.length > 0).toBe(cell !== 'same');
  if (cell === 'same') expect(run.state).toEqual(before);
  else expect(run.state.status).toBe(typeof cell === 'object' ? cell.fields : cell);
}

describe('the lifecycle of a managed run', () => {
  for (const [name, { command, row }] of Object.entries(TABLE)) {
    describe(name, () => {
      for (const status of RUN_STATUSES) {
        it(`in ${status}: ${JSON.stringify(row[status])}`, () => {
          const run = managed[status]();
          expect(run.state.status).toBe(status);
          check(run, command, row[status]);
        });
      }
    });
  }

  it('has a builder for each status that ends there', () => {
    for (const status of RUN_STATUSES) expect(managed[status]().state.status).toBe(status);
  });
});

describe('the lifecycle of an external run', () => {
  const rows: Record<string, { command: Command; row: Partial<Row> }> = {
    'report running': {
      command: report({ status: 'running' }),
      row: {
        queued: 'running',
        running: 'same',
        paused: 'running',
        succeeded: no,
        failed: no,
        cancelled: no,
      },
    },
    'report running, reopen: true': {
      command: report({ status: 'running', reopen: true }),
      row: { succeeded: 'running', failed: 'running', cancelled: 'running' },
    },
    'report succeeded': {
      command: report({ status: 'succeeded' }),
      row: {
        queued: 'succeeded',
        running: 'succeeded',
        paused: 'succeeded',
        succeeded: 'same',
        failed: no,
        cancelled: no,
      },
    },
    'report succeeded, reopen: true': {
      command: report({ status: 'succeeded', reopen: true }),
      row: { succeeded: 'same', failed: 'succeeded', cancelled: 'succeeded' },
    },
    pause: { command: pause(), row: { queued: 'paused', running: 'paused', paused: 'same' } },
    resume: { command: resume(), row: { queued: 'same', running: 'same', paused: 'running' } },
    message: { command: message(), row: { queued: 'queued', running: 'running', paused: 'paused' } },
    retry: { command: retry(), row: { running: no, succeeded: no, failed: 'running', cancelled: no } },
    cancel: { command: cancel(), row: { queued: 'cancelled', running: 'cancelled', paused: 'cancelled' } },
  };
  for (const [name, { command, row }] of Object.entries(rows)) {
    for (const [status, cell] of Object.entries(row)) {
      it(`${name} in ${status}: ${JSON.stringify(cell)}`, () => {
        const run = externals[status as RunStatus]?.();
        if (run === undefined) throw new Error(`no external run is ${status}`);
        expect(run.state.status).toBe(status);
        check(run, command, cell);
      });
    }
  }

  it('is never due, whatever its status', () => {
    for (const build of Object.values(externals)) expect(build().dispatch.dueAt).toBeNull();
  });
});
