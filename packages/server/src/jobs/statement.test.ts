import { describe, expect, it } from 'vitest';
import { backgroundSpec, driveSpec, readDrivePayload, statementOf } from './statement.ts';

const JOB = { runId: 'a', epoch: 1, attempts: 0, runAt: null };

function specsOf(
  statement: ReturnType<typeof statementOf>,
): { job_key: string | null; run_at: string | null }[] {
  return JSON.parse(statement?.values[0] ?? '[]') as ReturnType<typeof specsOf>;
}

describe('statementOf', () => {
  it('is null when there is nothing to add', () => {
    expect(statementOf([])).toBeNull();
  });

  it('has each key once, as it was given last, and every job without a key', () => {
    const later = { ...JOB, runAt: '2026-01-01T00:00:00.000Z' };
    const note = backgroundSpec({ task: 'note', payload: {}, key: null, runAt: null });
    const specs = specsOf(statementOf([driveSpec(JOB), note, driveSpec(later), note]));
    expect(specs.map(({ job_key, run_at }) => [job_key, run_at])).toEqual([
      [null, null],
      [null, null],
      ['drive:a:1', later.runAt],
    ]);
  });
});

describe('a statement with a condition', () => {
  it('adds what the condition lets through, and calls nothing when that is nothing', () => {
    const job = backgroundSpec({ task: 'note', payload: { a: 1 }, key: null, runAt: null });
    const statement = statementOf([job], `item->'payload'->>'a' = '1'`);
    expect(statement?.text).toMatch(
      /where item->'payload'->>'a' = '1'\)[^]*where cardinality\(chosen\.specs\) > 0/,
    );
    expect(statementOf([], 'true')).toBeNull();
  });
});

describe('readDrivePayload', () => {
  it('reads back what a drive job carries', () => {
    expect(readDrivePayload(driveSpec(JOB).payload)).toEqual({ runId: 'a', epoch: 1, attempts: 0 });
  });

  it.each([null, 'a', {}, { runId: 1, epoch: 1, attempts: 0 }, { runId: 'a', epoch: '1', attempts: 0 }])(
    'takes %j for none',
    (payload) => {
      expect(readDrivePayload(payload)).toBeNull();
    },
  );
});
