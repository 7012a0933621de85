import type { Json, TranscriptCall } from '@fermata/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { call } from './model-request.fixture.ts';
import { describeEdits, toolResultText } from './tool-results.ts';

function denied(code: string, message: string): Partial<TranscriptCall> {
  return { state: 'denied', output: null, error: { code, message } };
}

describe('what a model is told about a call', () => {
  it.each<[string, Partial<TranscriptCall>, boolean, string]>([
    ['with a text', { output: 'rain' }, false, 'rain'],
    ['with JSON', { output: { a: [1] } }, false, '{"a":[1]}'],
    ['with nothing', { output: null }, false, '(no output)'],
    ['with an empty text', { output: '' }, false, '(no output)'],
    [
      'that failed',
      { state: 'failed', error: { code: 'http_500', message: 'oops' } },
      true,
      'Error (http_500): oops',
    ],
    [
      'denied for a reason',
      denied('denied', 'too dear'),
      true,
      'The call was denied and has not been executed. Reason: too dear',
    ],
    [
      'denied without one',
      denied('denied', 'denied'),
      true,
      'The call was denied and has not been executed. Reason: none was given',
    ],
    [
      'that nobody decided',
      denied('expired', 'nobody answered in time'),
      true,
      'The call has not been executed: nobody answered in time.',
    ],
    [
      'superseded',
      denied('superseded', 'not executed: superseded by a message'),
      true,
      'The call has not been executed: superseded by a message.',
    ],
    [
      'cancelled',
      denied('cancelled', 'not executed: the run was cancelled'),
      true,
      'The call has not been executed: the run was cancelled.',
    ],
    [
      'interrupted',
      denied('interrupted', 'interrupted: it may have been executed'),
      true,
      'The call was not finished: interrupted: it may have been executed.',
    ],
  ])('%s', (_what, more, isError, text) => {
    expect(toolResultText(call('a', 'tool', {}, more))).toEqual({ isError, text });
  });

  it('never claims that an interrupted call was not executed', () => {
    for (const more of [
      denied('interrupted', ''),
      { state: 'in_doubt' as const },
      { state: 'running' as const },
    ]) {
      expect(toolResultText(call('a', 'tool', {}, { output: null, ...more })).text).toContain(
        'may have been executed',
      );
    }
  });

  it('says which arguments the approver changed, and what was executed', () => {
    const { text } = toolResultText(
      call('a', 'pay', { amount: 100, to: 'x' }, { editedArgs: { amount: 50, note: 'y' }, output: 'paid' }),
    );
    expect(text).toContain('/amount: 100 → 50');
    expect(text).toContain('/to removed');
    expect(text).toContain('/note added: "y"');
    expect(text).toContain('{"amount":50,"note":"y"}');
    expect(text.endsWith('paid')).toBe(true);
  });

  it('does not mention an edit that changed nothing', () => {
    expect(
      toolResultText(call('a', 'pay', { b: 1, a: 2 }, { editedArgs: { a: 2, b: 1 }, output: 'paid' })).text,
    ).toBe('paid');
  });
});

describe('describeEdits', () => {
  const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>;

  it('is empty for equal values and names something for different ones', () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        expect(describeEdits(before, structuredClone(before))).toEqual([]);
        const isSame = JSON.stringify(sorted(before)) === JSON.stringify(sorted(after));
        expect(describeEdits(before, after).length > 0).toBe(!isSame);
      }),
    );
  });

  it('is bounded', () => {
    const many = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, index) => [`k${index}`, 'x'.repeat(1_000)]),
    );
    expect(describeEdits({}, many).join('').length).toBeLessThan(10_000);
  });
});

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key] ?? null)]),
  );
}
