import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { inspectDatabase } from '../../packages/server/src/store/inspect-database.ts';
import { migrateDatabase, MigrationError } from '../../packages/server/src/store/migrate.ts';

const server = inject('postgres');
let folder = '';
let target = { host: '', port: 0, user: '', database: '' };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fermata-migrations-'));
  target = { host: server.host, port: server.port, user: server.user, database: `m_${randomUUID()}` };
  await query(server.adminDatabase, `create database "${target.database}"`);
});
afterEach(async () => {
  await query(server.adminDatabase, `drop database "${target.database}" with (force)`);
  await rm(folder, { recursive: true });
});

async function query(database: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ host: server.host, port: server.port, user: server.user, database });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function put(name: string, sql: string): Promise<void> {
  return writeFile(join(folder, name), sql);
}

describe('migrateDatabase', () => {
  it('lets five processes start at once on an empty database, and applies each migration once', async () => {
    await put('0001-first.sql', 'create table a (id int); insert into a values (1);');
    await put('0002-second.sql', '-- why\nselect pg_sleep(0.2); insert into a values (2);');
    let queueRuns = 0;
    let waiting = 0;
    const results = await Promise.all(
      Array.from({ length: 5 }, () =>
        migrateDatabase({
          target,
          folder,
          migrateQueue: () => Promise.resolve(void queueRuns++),
          onWaiting: () => void waiting++,
        }),
      ),
    );
    const applied = results.flatMap((result) => result.applied);
    expect(applied).toEqual(['0001-first', '0002-second']);
    expect(waiting).toBe(4);
    expect(queueRuns).toBe(5);
    expect(await query(target.database, 'select id from a order by id')).toEqual([{ id: 1 }, { id: 2 }]);
    expect((await migrateDatabase({ target, folder })).applied).toEqual([]);
  });

  it('builds an index concurrently while others wait for the lock', async () => {
    await put('0001-table.sql', 'create table a (id int);');
    await put('0002-index.sql', '--! no-transaction\ncreate index concurrently a_id on a (id);');
    await Promise.all([migrateDatabase({ target, folder }), migrateDatabase({ target, folder })]);
    const found = await query(target.database, "select 1 as x from pg_indexes where indexname = 'a_id'");
    expect(found).toHaveLength(1);
  });

  it('rolls a failed migration back, says why, and goes on from there once it is mended', async () => {
    await put('0001-first.sql', 'create table a (id int);');
    await put('0002-bad.sql', 'create table b (id int); select nonsense;');
    const failure = await migrateDatabase({ target, folder }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(MigrationError);
    expect(String(failure)).toContain('nonsense');
    await put('0002-bad.sql', 'create table b (id int);');
    expect((await migrateDatabase({ target, folder })).applied).toEqual(['0002-bad']);
  });

  it('works on a schema that a newer release has only added to', async () => {
    await put('0001-first.sql', 'create table a (id int);');
    await put('0002-added.sql', 'alter table a add b int;');
    await migrateDatabase({ target, folder });
    await rm(join(folder, '0002-added.sql'));
    expect((await migrateDatabase({ target, folder })).applied).toEqual([]);
  });

  it('refuses a schema that a newer release has broken for it', async () => {
    await put('0001-first.sql', 'create table a (id int);');
    await put('0002-renamed.sql', '--! breaking\nalter table a rename to b;');
    await migrateDatabase({ target, folder });
    await rm(join(folder, '0002-renamed.sql'));
    await expect(migrateDatabase({ target, folder })).rejects.toThrow(
      /newer release that this one cannot work with \(0002-renamed\)/,
    );
  });

  it('does not refuse a breaking migration that was never applied', async () => {
    await put('0001-first.sql', 'create table a (id int);');
    await put('0002-renamed.sql', '--! breaking\nselect nonsense;');
    await expect(migrateDatabase({ target, folder })).rejects.toThrow(MigrationError);
    await rm(join(folder, '0002-renamed.sql'));
    expect((await migrateDatabase({ target, folder })).applied).toEqual([]);
  });

  it('refuses two files of one number', async () => {
    await put('0001-first.sql', 'select 1;');
    await put('0001-other.sql', 'select 1;');
    await expect(migrateDatabase({ target, folder })).rejects.toThrow('Two migrations have the number 0001');
  });
});

describe('inspectDatabase', () => {
  it('finds a direct connection direct and knows the version', async () => {
    const facts = await inspectDatabase(target);
    expect(facts.isTransactionPooled).toBe(false);
    expect(facts.serverVersion).toBeGreaterThanOrEqual(140_000);
  });

  it('says that a database cannot be reached', async () => {
    await expect(inspectDatabase('postgres://127.0.0.1:1/x')).rejects.toThrow('cannot be reached');
  });
});
