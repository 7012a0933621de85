import { setTimeout } from 'node:timers/promises';
import { isTerminal, type JsonObject, type RunEvent, type RunStatus } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { ApiClient } from '../../world/api-client.ts';
import { ASK, DELEGATE, delegating, type ChildAgent } from '../../world/delegating.ts';
import { eventually } from '../../world/eventually.ts';
import { seededRandom } from '../../world/seeded-random.ts';
import { sharedWorld } from '../../world/server.ts';

const world = sharedWorld({ servers: 2 });

const ROUNDS = 64;
/** Trees at the same time. */
const WIDTH = 8;

/** A leaf that works for a moment; some fail. */
function leaf(dice: () => number): ChildAgent {
  const delayMs = Math.floor(dice() * 60);
  const last: JsonObject =
    dice() < 0.15 ? { error: { status: 400, message: 'broken' } } : { text: 'leaf', delayMs };
  return { script: [last] };
}

/** Three levels: a top, two in the middle, one or two leaves below each. */
function startTree(dice: () => number): ReturnType<ApiClient['start']> {
  const middle = (): ChildAgent => {
    const leaves = dice() < 0.5 ? [leaf(dice)] : [leaf(dice), leaf(dice)];
    return { script: [delegating(...leaves), { text: 'middle' }], tools: ['delegate', ASK] };
  };
  return world().script([delegating(middle(), middle()), { text: 'top' }], { tools: [DELEGATE] });
}

interface Row {
  id: string;
  parent_id: string | null;
  status: RunStatus;
  holds: string[];
}

async function treeOf(topId: string): Promise<Row[]> {
  return world().database.sql<Row[]>`
    with recursive tree as (
      select id, parent_id from runs where id = ${topId}
      union all select r.id, r.parent_id from runs r join tree t on r.parent_id = t.id)
    select t.id, t.parent_id, s.status,
      array(select h->>'name' from json_array_elements(s.state->'holds') h) as holds
    from tree t join run_state s on s.run_id = t.id order by t.id`;
}

/** Pauses, resumes and cancels, at the top and below, through both servers, while the children end. */
async function disturb(topId: string, dice: () => number): Promise<void> {
  const clients = [world().api, world().second];
  const send = async (): Promise<void> => {
    const client = clients[dice() < 0.5 ? 0 : 1] ?? world().api;
    const runs = dice() < 0.7 ? [] : await treeOf(topId);
    const runId = runs[Math.floor(dice() * runs.length)]?.id ?? topId;
    const roll = dice();
    const verb = roll < 0.55 ? 'pause' : roll < 0.96 ? 'resume' : 'cancel';
    const body = verb === 'pause' ? { at: dice() < 0.3 ? 'now' : 'checkpoint', tree: dice() < 0.9 } : {};
    const reply = await client.request('POST', `/v1/runs/${runId}/${verb}`, { body });
    if (reply.status >= 300) expect(reply.status).toBe(409);
  };
  for (let n = 0; n < 8; n += 1) {
    await Promise.all([send(), send()]);
    // Some take their time, so that whole trees come to a stop.
    if (dice() < 0.3) await setTimeout(dice() * 150);
  }
}

/** Releases what people have placed; what parents have placed, they must release. */
async function comesToRest(topId: string): Promise<Row[]> {
  return eventually(
    async () => {
      const rows = await treeOf(topId);
      const open = rows.filter((row) => !isTerminal(row.status));
      for (const { id, holds } of open) {
        for (const hold of holds.filter((name) => name !== 'parent'))
          await world().api.request('POST', `/v1/runs/${id}/resume`, { body: { hold } });
      }
      return open.length === 0 ? rows : null;
    },
    { what: `every run of the tree of ${topId} ends`, everyMs: 50 },
  );
}

/** Between two times at which no hold stood that holds the tree, it is said at most once that the tree has stopped. */
function checkTreePaused(events: readonly RunEvent[]): void {
  const holding = new Set<string>();
  let isSaid = false;
  for (const event of events) {
    if (event.type === 'hold.placed' && event.data.hold.tree === true) holding.add(event.data.hold.name);
    if (event.type === 'hold.released') holding.delete(event.data.name);
    if (holding.size === 0) isSaid = false;
    if (event.type !== 'tree.paused') continue;
    expect([holding.size > 0, isSaid]).toEqual([true, false]);
    isSaid = true;
  }
}

describe('64 trees of three levels that are paused, resumed and cancelled while their runs end', () => {
  it(
    'lose nobody, leave no parent waiting, and no child running under a cancelled parent',
    { timeout: 300_000 },
    async () => {
      const outcomes = new Map<RunStatus, number>();
      let paused = 0;
      async function round(seed: number): Promise<void> {
        const dice = seededRandom(seed);
        const top = await startTree(dice);
        await disturb(top.id, dice);
        const rows = await comesToRest(top.id);
        for (const row of rows) {
          const events = await world().api.events(row.id);
          checkTreePaused(events);
          paused += events.filter((event) => event.type === 'tree.paused').length;
          const parent = rows.find((one) => one.id === row.parent_id);
          if (parent?.status === 'cancelled') expect(isTerminal(row.status)).toBe(true);
          const started = events.filter((event) => event.type === 'child.started').length;
          await eventually(
            async () => {
              const types = await world().api.types(row.id);
              return types.filter((type) => type === 'child.finished').length === started;
            },
            { what: `run ${row.id} hears of the end of its ${started} children` },
          );
        }
        const status = rows[0]?.status ?? 'queued';
        outcomes.set(status, (outcomes.get(status) ?? 0) + 1);
      }
      const seeds = Array.from({ length: ROUNDS }, (_, n) => n + 1);
      await Promise.all(
        Array.from({ length: WIDTH }, async () => {
          for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) await round(seed);
        }),
      );
      console.log(
        `trees: ${JSON.stringify(Object.fromEntries(outcomes))}; stopped as a whole ${paused} times`,
      );
      expect(paused).toBeGreaterThan(10);
      const left = await world().database.sql`select * from outbox`;
      expect(left).toEqual([]);
    },
  );
});
