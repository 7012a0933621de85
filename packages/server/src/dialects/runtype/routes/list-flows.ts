import { pageOf, paginationOf } from '../executions.ts';
import { runtypeOperation } from '../operation.ts';
import { flowRow } from '../saved-flow.ts';
import { flowsReplySchema, resourceQuerySchema } from '../wire-resources.ts';

export const listFlows = runtypeOperation({
  operationId: 'listFlows',
  method: 'GET',
  path: '/v1/flows',
  tag: 'Flows',
  role: 'viewer',
  summary: 'List saved flows',
  query: resourceQuerySchema,
  reply: flowsReplySchema,
  async handle({ engine, caller, query }) {
    const page = pageOf(query);
    const found = await engine.flows.list(caller, { ...page, q: query.search });
    return { status: 200, body: { data: found.data.map(flowRow), pagination: paginationOf(page, found) } };
  },
});
