import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CodegenClient } from '../contract/codegen/codegen-client.ts';
import { testDatabase, type TestDatabase } from '../world/database.ts';
import { eventually } from '../world/eventually.ts';
import { ServerProcess } from '../world/processes.ts';
import { startToolTarget, type ToolTarget } from '../world/tool-target.ts';

const API_KEY = 'fermata_test_admin_key';

let database: TestDatabase;
let target: ToolTarget;

beforeAll(async () => {
  database = await testDatabase();
  target = await startToolTarget();
});
afterAll(async () => {
  await target[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

describe('a process that is killed', () => {
  test.each(['before-webhook-request', 'after-webhook-request'])(
    'at %s leaves the delivery to another, under the same id',
    async (point) => {
      const path = `/${point}`;
      const webhooks = [{ url: target.url + path, secret: 'secret' }];
      const doomed = await ServerProcess.start({ ...database.env, FERMATA_CRASH_AT: point });
      let id = 0;
      try {
        id = (await new CodegenClient(`${doomed.url}/codegen`, API_KEY).create({ prompt: 'hello', webhooks }))
          .id;
        expect(await doomed.exit).toEqual({ code: null, signal: 'SIGKILL' });
      } finally {
        await doomed[Symbol.asyncDispose]();
      }
      const before = target.seen.filter((request) => request.path === path);
      expect(before).toHaveLength(point === 'before-webhook-request' ? 0 : 1);
      await using _survivor = await ServerProcess.start(database.env);
      const delivered = await eventually(
        async () => {
          const rows = await database.sql<{ attempt: number; status: number }[]>`
            select attempt, status from webhook_deliveries
            where run_id = (select id from runs where number = ${id})`;
          return rows.length > 0 ? rows : null;
        },
        { what: 'another process delivers it' },
      );
      expect([...delivered]).toEqual([{ attempt: 1, status: 200 }]);
      const seen = target.seen.filter((request) => request.path === path);
      expect(seen).toHaveLength(before.length + 1);
      expect(new Set(seen.map(({ headers, body }) => `${String(headers['webhook-id'])} ${body}`)).size).toBe(
        1,
      );
    },
  );

  test.each([2, 4])('right after commit %i of a run loses no webhook', async (n) => {
    const path = `/after-commit-${n}`;
    const isDelivered = (): boolean => target.seen.some((request) => request.path === path);
    const doomed = await ServerProcess.start({ ...database.env, FERMATA_CRASH_AT: `after-commit:${n}` });
    const webhooks = [{ url: target.url + path }];
    try {
      // Its answer may be lost with it.
      await new CodegenClient(`${doomed.url}/codegen`, API_KEY)
        .create({ prompt: 'hello', webhooks })
        .catch(() => null);
      await eventually(() => !doomed.isRunning || isDelivered(), { what: 'it dies, or it is through' });
    } finally {
      await doomed[Symbol.asyncDispose]();
    }
    await using _survivor = await ServerProcess.start(database.env);
    await eventually(isDelivered, { what: 'it is delivered' });
  });
});
