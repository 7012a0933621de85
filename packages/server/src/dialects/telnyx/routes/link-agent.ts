import { agentData } from '../encode.ts';
import { linksOf } from '../links.ts';
import { data, findRun, telnyxOperation } from '../operation.ts';
import { agentDataSchema, linkAgentSchema, runParamsSchema, single } from '../wire.ts';

export const linkAgent = telnyxOperation({
  method: 'POST',
  path: '/ai/missions/{mission_id}/runs/{run_id}/telnyx-agents',
  role: 'developer',
  summary: 'Link agent',
  description: 'An association, no more. An agent that is linked already stays so.',
  params: runParamsSchema,
  body: linkAgentSchema,
  example: { telnyx_agent_id: 'assistant-1' },
  replies: { 201: { description: 'The link', schema: single(agentDataSchema) } },
  handle: async (request) => {
    const { engine, caller, body, command } = request;
    const { run } = await findRun(request);
    return command(
      (options) => engine.records.add(caller, 'telnyx', linksOf(run.id), body.telnyx_agent_id, {}, options),
      (link) => data(201, agentData(run.id, link)),
    );
  },
});
