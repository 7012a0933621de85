import fc from 'fast-check';
import { APICallError, LoadAPIKeyError } from 'ai';
import { describe, expect, it } from 'vitest';
import { OutgoingError } from '../outgoing/outgoing-error.ts';
import {
  BrokenStreamError,
  classifyModelFailure,
  retryAfterMs,
  retryDelayMs,
  ScriptedError,
} from './failure.ts';

function answered(
  statusCode: number,
  message = 'no',
  responseHeaders: Record<string, string> = {},
): APICallError {
  return new APICallError({
    message,
    url: 'https://api.example/v1',
    requestBodyValues: {},
    statusCode,
    responseHeaders,
  });
}

describe('classifyModelFailure', () => {
  it.each([408, 409, 425, 429, 500, 502, 503, 504, 529])('may try again after %i', (status) => {
    expect(classifyModelFailure(answered(status))).toMatchObject({
      kind: 'retryable',
      code: 'provider_failed',
      status,
    });
  });

  it.each([400, 401, 402, 403, 404, 405, 413, 422])('does not try again after %i', (status) => {
    expect(classifyModelFailure(answered(status))).toMatchObject({
      kind: 'terminal',
      code: 'provider_failed',
      status,
    });
  });

  it.each([
    ['a refused connection', Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })],
    [
      'a reset',
      new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNRESET' }) }),
    ],
    ['a body that was cut', new TypeError('terminated')],
    ['a stall', new BrokenStreamError('silent for 120 s')],
    ['no answer at all', new APICallError({ message: 'x', url: 'u', requestBodyValues: {} })],
    ['an overloaded provider, told inside the stream', { type: 'overloaded_error', message: 'Overloaded' }],
    [
      'a rate limit, told inside the stream',
      { message: 'Slow down', type: 'requests', code: 'rate_limit_exceeded' },
    ],
    ['a download that timed out', new OutgoingError('timeout', 'late', { sent: true })],
  ])('may try again after %s', (_what, error) => {
    expect(classifyModelFailure(error)).toMatchObject({ kind: 'retryable' });
  });

  it.each([
    [
      'a request that the provider calls invalid inside the stream',
      { type: 'invalid_request_error', message: 'bad' },
    ],
    ['a download that is not allowed', new OutgoingError('blocked', 'private', { sent: false })],
    ['a bug of ours', new RangeError('oops')],
    ['something that is no error', 'boom'],
    ['nothing', undefined],
  ])('does not try again after %s', (_what, error) => {
    expect(classifyModelFailure(error)).toMatchObject({ kind: 'terminal', code: 'provider_failed' });
  });

  it('names a missing key as not configured', () => {
    expect(classifyModelFailure(new LoadAPIKeyError({ message: 'x' }))).toMatchObject({
      kind: 'terminal',
      code: 'provider_not_configured',
    });
  });

  it('is aborted when the signal fired, whatever the error looks like', () => {
    expect(classifyModelFailure(answered(400), { signal: AbortSignal.abort() })).toEqual({ kind: 'aborted' });
  });

  it('honours Retry-After on what may be tried again', () => {
    expect(classifyModelFailure(answered(429, 'x', { 'Retry-After': '7' }))).toMatchObject({ afterMs: 7000 });
  });

  it('treats a scripted failure as the provider’s', () => {
    expect(classifyModelFailure(new ScriptedError(429, 'busy', 1200))).toMatchObject({
      kind: 'retryable',
      afterMs: 1200,
    });
    expect(classifyModelFailure(new ScriptedError(400, 'bad', null))).toMatchObject({
      kind: 'terminal',
      status: 400,
    });
  });

  it('never shows a key in its message', () => {
    const key = 'sk-proj-abcdefghijklmnop';
    const leaks = [
      `Incorrect API key provided: ${key}`,
      `GET https://api.example/v1?key=${key}&x=1 failed`,
      `Authorization: Bearer ${key}`,
      'own-secret-value was refused',
      `https://user:${key}@host/`,
    ];
    for (const leak of leaks) {
      const failure = classifyModelFailure(answered(401, leak), { secrets: ['own-secret-value'] });
      expect(JSON.stringify(failure)).not.toMatch(/abcdefghijklmnop|own-secret-value/);
    }
  });

  it('bounds the message', () => {
    const failure = classifyModelFailure(answered(500, 'x'.repeat(100_000)));
    expect(JSON.stringify(failure).length).toBeLessThan(1_000);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.anything(), (error) => {
        expect(['terminal', 'retryable']).toContain(classifyModelFailure(error).kind);
      }),
    );
  });
});

describe('retryAfterMs', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    [{ 'retry-after': '2' }, 2000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'Retry-After': 'Thu, 01 Jan 2026 00:00:10 GMT' }, 10_000],
    [{ 'retry-after': 'Wed, 31 Dec 2025 23:59:00 GMT' }, 0],
    [{ 'retry-after-ms': '750', 'retry-after': '9' }, 750],
    [{ 'retry-after': 'soon' }, null],
    [{ 'retry-after': '-5' }, null],
    [{}, null],
  ])('reads %j as %s ms', (headers, expected) => {
    expect(retryAfterMs(headers, now)).toBe(expected);
  });
});

describe('retryDelayMs', () => {
  const failure = classifyModelFailure(answered(500));

  it('grows, never passes 30 s and is never zero', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempt, random) => {
          const delay = retryDelayMs(attempt, failure, () => random);
          expect(delay).toBeGreaterThanOrEqual(250);
          expect(delay).toBeLessThanOrEqual(30_000);
        },
      ),
    );
    expect([1, 2, 3].map((attempt) => retryDelayMs(attempt, failure, () => 1))).toEqual([500, 1000, 2000]);
  });

  it('waits at least as long as the provider asked, but never more than five minutes', () => {
    const asked = (seconds: string): number =>
      retryDelayMs(1, classifyModelFailure(answered(429, 'x', { 'retry-after': seconds })), () => 0);
    expect(asked('20')).toBe(20_000);
    expect(asked('86400')).toBe(300_000);
  });
});
