import type { z } from 'zod';
import type { RunQuery } from '../../engine/facade.ts';
import type { CommandReply, OperationRequest } from '../../http/route.ts';
import { metaOf, pageOf, runData, statusesOf } from './encode.ts';
import type { runsQuerySchema } from './wire.ts';

/** A page of runs, newest first. A status that there is not gives none. */
export async function runsPage(
  { engine, caller }: Pick<OperationRequest<unknown, unknown, unknown>, 'engine' | 'caller'>,
  query: z.output<typeof runsQuerySchema>,
  scope: Pick<RunQuery, 'mission' | 'missionKept'>,
): Promise<CommandReply> {
  const { status, name: title, metadata } = query;
  const filter = {
    ...scope,
    ...(status === undefined ? {} : { status: statusesOf(status) }),
    title,
    metadata,
  };
  const [page, unassignedId] = await Promise.all([
    engine.runs.list(caller, { ...pageOf(query), ...filter }),
    engine.missions.unassignedId(caller),
  ]);
  const data = page.data.map((run) => runData(run, unassignedId));
  return { status: 200, body: { data, meta: metaOf(page, query) } };
}
