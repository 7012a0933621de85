import { runOriginSchema } from '@fermata/protocol';
import { z } from 'zod';
import type { RunQuery } from '../../../engine/facade.ts';
import { executionsQuerySchema, executionsReplySchema } from '../wire-executions.ts';
import { executionOf, pageOf, paginationOf, statusFilter } from '../executions.ts';
import { runIdIn } from '../ids.ts';
import { runtypeOperation } from '../operation.ts';

type Asked = z.output<typeof executionsQuerySchema>;

export const listExecutions = runtypeOperation({
  operationId: 'listExecutions',
  method: 'GET',
  path: '/v1/agents/{id}/executions',
  tag: 'Agents',
  role: 'viewer',
  summary: 'List executions of an agent',
  description:
    'Newest first. `virtual` in place of an id lists executions of every agent, inline ones too; parentExecutionId and executionId look among all of them. The id may be a flow’s as well.',
  params: z.object({ id: z.string().describe('Agent or flow, or virtual') }),
  query: executionsQuerySchema,
  reply: executionsReplySchema,
  errors: ['not_found'],
  async handle({ engine, caller, params, query }) {
    const { id: agentId } = params;
    const page = pageOf(query);
    const filter = filterOf(agentId, query);
    const found =
      filter === null
        ? { data: [], nextCursor: null, ...(page.total === true ? { total: 0 } : {}) }
        : await engine.runs.list(caller, { ...page, ...filter });
    const isNamed = filter?.agent !== undefined && page.cursor === undefined;
    // Executions of an agent that was deleted are still there.
    if (found.data.length === 0 && isNamed) await engine.agents.get(caller, agentId);
    return {
      status: 200,
      body: { data: found.data.map(executionOf), pagination: paginationOf(page, found) },
    };
  },
});

/** The filters of the engine leave out the times that they name, which are whole milliseconds. */
function moved(time: string, byMs: number): string {
  return new Date(Date.parse(time) + byMs).toISOString();
}

/** Null: nothing can match. */
function filterOf(agentId: string, query: Asked): RunQuery | null {
  const { status, surfaceType, from, to, parentExecutionId, executionId } = query;
  const byStatus = statusFilter(status);
  const origin = surfaceType === undefined ? undefined : runOriginSchema.safeParse(surfaceType);
  const [parent, one] = [parentExecutionId, executionId].map((id) =>
    id === undefined ? undefined : runIdIn(id),
  );
  if (byStatus === null || origin?.success === false || parent === null || one === null) return null;
  const isAnywhere = agentId === 'virtual' || parent !== undefined || one !== undefined;
  return {
    ...byStatus,
    ...(isAnywhere ? {} : agentId.startsWith('flow_') ? { flow: [agentId] } : { agent: [agentId] }),
    ...(origin?.success === true ? { origin: [origin.data] } : {}),
    createdAfter: from === undefined ? undefined : moved(from, -1),
    createdBefore: to === undefined ? undefined : moved(to, 1),
    parent,
    ...(one === undefined ? {} : { ids: [one] }),
  };
}
