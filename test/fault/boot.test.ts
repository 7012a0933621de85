import { randomBytes } from 'node:crypto';
import { expect, inject, test } from 'vitest';
import { describeSchema } from '../../packages/server/src/store/describe-schema.ts';
import { Session } from '../../packages/server/src/store/session.ts';
import { testDatabase } from '../world/database.ts';
import { ServerProcess } from '../world/processes.ts';
import { seeThrough } from './see-through.ts';

const PROCESSES = 5;

test('five processes that start at once on an empty database make one schema and one admin', async () => {
  const { host, port, user, adminDatabase } = inject('postgres');
  const name = `t_empty_${randomBytes(6).toString('hex')}`;
  await using admin = await Session.open(
    { host, port, user, database: adminDatabase },
    { part: 'test admin' },
  );
  await admin.sql.unsafe(`create database ${name}`);
  const DATABASE_URL = `postgres://${user}@localhost/${name}?host=${encodeURIComponent(host)}&port=${port}`;
  const servers = await Promise.all(
    Array.from({ length: PROCESSES }, () => ServerProcess.spawn({ DATABASE_URL })),
  );
  try {
    await Promise.all(servers.map((server) => server.ready()));
    await using session = await Session.open({ host, port, user, database: name }, { part: 'test' });
    const { sql } = session;
    await using migrated = await testDatabase();
    const made = await describeSchema({ host, port, user, database: name });
    expect(made).toBe(await describeSchema(migrated.target));
    const [row] = await sql`
      select (select count(*) from organizations) as organizations,
        (select array_agg(name || ' ' || number) from principals) as principals,
        (select count(*) from keys) as keys, (select count(*) from executors where dead_at is null) as executors`;
    expect(row).toEqual({ organizations: 1, principals: ['admin 1'], keys: 1, executors: PROCESSES });

    const [first, ...others] = servers;
    if (first === undefined) throw new Error('there is no first server');
    const run = await first.api.start({ input: 'hello' });
    for (const other of others) expect((await other.api.run(run.id)).id).toBe(run.id);
    await seeThrough(sql, first, run.id);
    expect(await Promise.all(servers.map((server) => server.stop()))).toEqual(
      Array(PROCESSES).fill({ code: 0, signal: null }),
    );
  } finally {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    await admin.sql.unsafe(`drop database ${name} with (force)`);
  }
});

test('a server whose database cannot be reached says so in a line, and ends', async () => {
  await using server = await ServerProcess.spawn({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' });
  expect(await server.exit).toEqual({ code: 1, signal: null });
  expect(server.output).toContain('The database cannot be reached');
  expect(server.output).not.toMatch(/\n\s+at /);
});
