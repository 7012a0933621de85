import { afterAll, beforeAll, expect, it } from 'vitest';
import { DailyBudgets } from '../../../packages/server/src/store/daily-budgets.ts';
import type { UsageWrite } from '../../../packages/server/src/store/committer-usage.ts';
import { Pool } from '../../../packages/server/src/store/pool.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { insertOrganization } from './rows.ts';

const OTHER = '01890000-0000-4000-8000-000000000002';

let database: TestDatabase;
let pool: Pool;
let nowMs: number;
beforeAll(async () => {
  database = await createDatabase();
  pool = new Pool(database.target, { part: 'reads', size: 2 });
  for (const id of [1, 2]) await insertOrganization(database.sql, id);
});
afterAll(async () => {
  await pool.close();
  await database[Symbol.asyncDispose]();
});

function used(day: string, turns: number, organizationId = 1): Map<string, UsageWrite> {
  const row = { organizationId, day, model: 'm', agentId: '', turns };
  const nothing = { toolCalls: 0, inputTokens: 0, outputTokens: 0, costUsd: 0, unpricedTurns: 0 };
  return new Map([[`${organizationId}`, { ...nothing, ...row }]]);
}

async function insert(committer: string, day: string, turns: number): Promise<void> {
  await database.sql`insert into usage values (1, ${day}, 'm', '', ${committer}, ${turns}, 0, 0, 0, 0, 0)
    on conflict (organization_id, day, model, agent_id, committer) do update set turns = excluded.turns`;
}

it('counts what this process has used at once, what others have used at each look, and forgets with the day', async () => {
  nowMs = Date.parse('2026-05-01T23:00:00.000Z');
  const budgets = new DailyBudgets(pool, () => nowMs);
  const own = budgets.newCommitterId();
  budgets.newCommitterId();
  await budgets.look();
  budgets.add(used('2026-05-01', 3));
  expect(budgets.reached(1)).toEqual([]);
  await database.sql`update organizations set daily_limits = '{"maxTurns": 10}' where id = 1`;
  await insert(own, '2026-05-01', 3);
  await insert(OTHER, '2026-05-01', 6);
  await insert(OTHER, '2026-04-30', 50);
  await budgets.look();
  expect(budgets.reached(1)).toEqual([]);
  budgets.add(used('2026-05-01', 7, 2));
  budgets.add(used('2026-05-01', 1));
  const until = '2026-05-02T00:00:00.000Z';
  expect(budgets.reached(1)).toEqual([{ limit: 'maxTurns', most: 10, until }]);
  expect(budgets.reached(2)).toEqual([]);
  await insert(own, '2026-05-01', 4);
  await budgets.look();
  expect(budgets.reached(1)).toHaveLength(1);
  nowMs += 3_600_000;
  expect(budgets.reached(1)).toEqual([]);
  budgets.add(used('2026-05-01', 100));
  budgets.add(used('2026-05-02', 9));
  expect(budgets.reached(1)).toEqual([]);
  await insert(OTHER, '2026-05-02', 1);
  await budgets.look();
  expect(budgets.reached(1)).toMatchObject([{ until: '2026-05-03T00:00:00.000Z' }]);
  await database.sql`update organizations set daily_limits = null where id = 1`;
  await budgets.look();
  expect(budgets.reached(1)).toEqual([]);
});
