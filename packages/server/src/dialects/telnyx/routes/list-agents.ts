import { agentData } from '../encode.ts';
import { linksOf } from '../links.ts';
import { data, findRun, telnyxOperation } from '../operation.ts';
import { agentDataSchema, list, runParamsSchema } from '../wire.ts';

export const listAgents = telnyxOperation({
  method: 'GET',
  path: '/ai/missions/{mission_id}/runs/{run_id}/telnyx-agents',
  role: 'viewer',
  summary: 'List linked agents',
  params: runParamsSchema,
  replies: { 200: { description: 'The links, the oldest first', schema: list(agentDataSchema) } },
  handle: async (request) => {
    const { engine, caller } = request;
    const { run } = await findRun(request);
    const links = await engine.records.list(caller, 'telnyx', linksOf(run.id), { limit: 1000 });
    return data(
      200,
      links.data.map((link) => agentData(run.id, link)),
    );
  },
});
