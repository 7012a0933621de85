import { describe, expect, it } from 'vitest';
import { EngineError } from '../engine/errors.ts';
import { asEngineError, ConnectionLost, isConnectionError, timeFromText } from './sql.ts';

function withCode(code: string, message = 'failed at 10.0.0.1 for user bob'): Error {
  return Object.assign(new Error(message), { code });
}

describe('a time of the database', () => {
  it('becomes RFC 3339 with milliseconds, cut off and never rounded up', () => {
    expect(timeFromText('2026-01-02 03:04:05+00')).toBe('2026-01-02T03:04:05.000Z');
    expect(timeFromText('2026-01-02 03:04:05.6+00')).toBe('2026-01-02T03:04:05.600Z');
    expect(timeFromText('2026-01-02 03:04:05.999999+00')).toBe('2026-01-02T03:04:05.999Z');
    expect(timeFromText('2026-01-02 03:04:05.5+05:30')).toBe('2026-01-01T21:34:05.500Z');
    expect(timeFromText('infinity')).toBe('infinity');
    expect(timeFromText('-infinity')).toBe('-infinity');
  });
});

describe('an error of the database', () => {
  it('is one of the connection when it says that there is none', () => {
    for (const code of [
      'ECONNREFUSED',
      'ECONNRESET',
      'EPIPE',
      'CONNECTION_CLOSED',
      '57P01',
      '08006',
      '53300',
      '25P03',
    ]) {
      expect(isConnectionError(withCode(code)), code).toBe(true);
    }
    for (const code of ['23505', '40P01', '55P03', '57014', '22P02']) {
      expect(isConnectionError(withCode(code)), code).toBe(false);
    }
    for (const other of [null, undefined, 'ECONNREFUSED', new Error('x'), { code: 7 }]) {
      expect(isConnectionError(other)).toBe(false);
    }
    expect(isConnectionError(new ConnectionLost())).toBe(true);
  });

  it('becomes unavailable without telling where the database is, and keeps its cause', () => {
    for (const code of ['ECONNREFUSED', '57014', '55P03']) {
      const cause = withCode(code);
      const error = asEngineError(cause) as EngineError;
      expect(error).toMatchObject({ name: 'EngineError', code: 'unavailable', cause });
      expect(error.message).not.toMatch(/10\.0|bob/);
    }
    const refusal = new EngineError('not_found', 'none');
    expect(asEngineError(refusal)).toBe(refusal);
    const defect = withCode('42601');
    expect(asEngineError(defect)).toBe(defect);
  });
});
