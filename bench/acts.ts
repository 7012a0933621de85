import type { Session } from '../packages/server/src/store/session.ts';
import { call, startServerProcess, until } from './http-world.ts';
import type { Figure } from './world.ts';

const RUNS = 256;
const TURNS = 20;

/** Whole acts (started and completed: two commits each) of 256 managed runs at once, through the real segments. */
export async function benchActs(databaseUrl: string, { sql }: Session): Promise<Record<string, Figure>> {
  const server = await startServerProcess(databaseUrl);
  const script = [
    ...Array.from({ length: TURNS }, () => ({ toolCalls: [{ tool: 'record_note', args: { text: 'x' } }] })),
    { text: 'done' },
  ];
  const start = async (): Promise<string> => {
    const { body } = await call(server, 'POST', '/v1/runs', {
      model: 'script/bench',
      script,
      tools: [{ type: 'builtin', name: 'record_note' }],
      input: 'x',
    });
    return String(body['id']);
  };
  const warm = await Promise.all(Array.from({ length: 16 }, start));
  await until(async () => (await finished(sql, warm)) === warm.length);
  const started = performance.now();
  const ids = await Promise.all(Array.from({ length: RUNS }, start));
  await until(async () => (await finished(sql, ids)) === ids.length, 300_000);
  const seconds = (performance.now() - started) / 1000;
  await server.stop();
  // A turn and a call are one act each; the last turn has no call.
  const acts = RUNS * (2 * TURNS + 1);
  return {
    acts_per_s_256: {
      value: acts / seconds,
      unit: '1/s',
      note: 'turns and tool calls, two commits each, start by HTTP included',
    },
  };
}

async function finished(sql: Session['sql'], ids: string[]): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from run_state where run_id = any(${ids}::uuid[]) and status = 'succeeded'`;
  return row?.count ?? 0;
}
