import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLogger } from './log.ts';

function capture(level: string): {
  lines: () => Record<string, unknown>[];
  logger: ReturnType<typeof createLogger>;
} {
  const chunks: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done): void {
      chunks.push(chunk.toString());
      done();
    },
  });
  const lines = (): Record<string, unknown>[] =>
    chunks
      .join('')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { lines, logger: createLogger({ level, destination }) };
}

describe('createLogger', () => {
  it('never writes a credential, at the top, in headers or one level down', () => {
    const { lines, logger } = capture('info');
    logger.info({
      apiKey: 'k-1',
      req: { headers: { authorization: 'Bearer k-2', 'x-api-key': 'k-3', accept: '*/*' } },
      provider: { token: 'k-4' },
    });
    expect(JSON.stringify(lines())).not.toMatch(/k-\d/);
    expect(lines()[0]).toMatchObject({ level: 'info', req: { headers: { accept: '*/*' } } });
  });

  it('shows the cause of an error, and nothing below its level', () => {
    const { lines, logger } = capture('warn');
    logger.info('not seen');
    logger.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed');
    expect(lines()).toHaveLength(1);
    expect(JSON.stringify(lines()[0])).toContain('inner');
  });
});
