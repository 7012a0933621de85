import postgres from 'postgres';
import { describe, expect, test } from 'vitest';
import { pgUrl, postgresUrl } from './database-target.ts';

/** What `postgres` makes of it. */
function resolved(target: string): { host: string[]; port: number[]; path: unknown; settings: unknown } {
  const { url, place } = postgresUrl(target);
  const { host, port, path, connection } = postgres(url, place).options;
  const settings = Object.entries(connection).filter(([name]) => name !== 'application_name');
  return { host, port, path, settings: Object.fromEntries(settings) };
}

describe('a database URL for the postgres package', () => {
  test.each([
    'postgres://u@localhost/db?host=/tmp/socket&port=5433',
    'postgres:///db?host=%2Ftmp%2Fsocket&port=5433',
    'postgres://u:secret@%2Ftmp%2Fsocket:5433/db',
    pgUrl({ host: '/tmp/socket', port: 5433, user: 'u', database: 'db' }),
  ])('%s is a unix socket', (target) => {
    expect(resolved(target)).toEqual({
      host: ['/tmp/socket'],
      port: [5433],
      path: '/tmp/socket/.s.PGSQL.5433',
      settings: {},
    });
  });

  test('another host in the query is taken, and other parameters stay', () => {
    expect(resolved('postgres://u@localhost:1/db?host=db.example&search_path=app')).toEqual({
      host: ['db.example'],
      port: [1],
      path: false,
      settings: { search_path: 'app' },
    });
  });

  test('an ordinary URL and a list of hosts stay as they are', () => {
    for (const target of [
      'postgres://u:p%40@db.example:5433/db?sslmode=require',
      'postgres://h1:1,h2:2/db',
    ]) {
      expect(postgresUrl(target)).toEqual({ url: target, place: {} });
    }
  });
});
