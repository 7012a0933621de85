import { isTerminal, type RunEvent, type RunStatus, type Wait } from '@fermata/protocol';
import { expect } from 'vitest';
import type { Sql } from '../../packages/server/src/store/sql.ts';
import type { EffectTarget } from '../world/effects.ts';
import { eventually } from '../world/eventually.ts';
import { assertRunIsConsistent } from '../world/log-check.ts';
import type { ServerProcess } from '../world/processes.ts';

/** How open waits are answered; the default approves and has what is in doubt be looked at no more. */
export type AnswerOf = (wait: Wait) => unknown;

export function approve(wait: Wait): unknown {
  switch (wait.kind) {
    case 'approval':
      return { decision: 'approve', digest: wait.digest };
    case 'in_doubt':
      return { outcome: 'done', output: { lookedUp: true } };
    default:
      throw new Error(`nobody has said how to answer a wait of kind ${wait.kind}`);
  }
}

export async function statusOf(sql: Sql, runId: string): Promise<RunStatus | null> {
  const [row] = await sql<{ status: RunStatus }[]>`select status from run_state where run_id = ${runId}`;
  return row?.status ?? null;
}

/** Until the run is in one of the statuses, by its row. */
export async function reaches(sql: Sql, runId: string, ...statuses: RunStatus[]): Promise<RunStatus> {
  return await eventually(
    async () => {
      const status = await statusOf(sql, runId);
      return status !== null && statuses.includes(status) ? status : null;
    },
    { what: `run ${runId} is ${statuses.join(' or ')}` },
  );
}

/**
 * Answers what the run waits for, through this server, until the run has ended or the server has died; what a dying
 * server does not answer is asked again elsewhere. True: the run has ended.
 */
export async function drive(
  sql: Sql,
  server: ServerProcess,
  runId: string,
  answerOf: AnswerOf = approve,
): Promise<boolean> {
  return await eventually(
    async () => {
      if (!server.isRunning) return { ended: false };
      const status = await statusOf(sql, runId);
      if (status !== null && isTerminal(status)) return { ended: true };
      if (status !== 'waiting') return null;
      for (const wait of await server.api.openWaits(runId)) await server.api.answer(wait.id, answerOf(wait));
      return null;
    },
    { what: `run ${runId} ends, or its server` },
  ).then(({ ended }) => ended);
}

/** Drives the run to its end through a server that lives on, and checks everything. Returns its log. */
export async function seeThrough(
  sql: Sql,
  server: ServerProcess,
  runId: string,
  { effects, answerOf = approve }: { effects?: EffectTarget; answerOf?: AnswerOf } = {},
): Promise<RunEvent[]> {
  try {
    expect(await drive(sql, server, runId, answerOf), 'the server lives on').toBe(true);
    const events = await assertRunIsConsistent(sql, runId, effects);
    expect(await statusOf(sql, runId)).toBe('succeeded');
    return events;
  } catch (error) {
    const log = await sql<{ line: string }[]>`
      select seq || ' ' || type || ' ' || left(data::text, 160) as line from events where run_id = ${runId} order by seq`;
    const lines = log.map(({ line }) => line).join('\n');
    const said = server.output.split('\n').slice(-30).join('\n');
    throw new Error(`${String(error)}\nthe log of ${runId}:\n${lines}\nthe server said:\n${said}`, {
      cause: error,
    });
  }
}
