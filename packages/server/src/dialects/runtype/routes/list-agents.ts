import { pageOf, paginationOf } from '../executions.ts';
import { runtypeOperation } from '../operation.ts';
import { agentRow } from '../saved-agent-reply.ts';
import { agentsReplySchema, resourceQuerySchema } from '../wire-resources.ts';

export const listAgents = runtypeOperation({
  operationId: 'listAgents',
  method: 'GET',
  path: '/v1/agents',
  tag: 'Agents',
  role: 'viewer',
  summary: 'List saved agents',
  query: resourceQuerySchema,
  reply: agentsReplySchema,
  async handle({ engine, caller, query }) {
    const page = pageOf(query);
    const found = await engine.agents.list(caller, { ...page, q: query.search });
    return { status: 200, body: { data: found.data.map(agentRow), pagination: paginationOf(page, found) } };
  },
});
