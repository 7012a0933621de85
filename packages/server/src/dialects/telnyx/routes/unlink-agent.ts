import { EngineError } from '../../../engine/errors.ts';
import { linksOf } from '../links.ts';
import { findRun, isRepeated, telnyxOperation } from '../operation.ts';
import { agentParamsSchema } from '../wire.ts';

export const unlinkAgent = telnyxOperation({
  method: 'DELETE',
  path: '/ai/missions/{mission_id}/runs/{run_id}/telnyx-agents/{telnyx_agent_id}',
  role: 'developer',
  summary: 'Unlink agent',
  params: agentParamsSchema,
  replies: { 204: { description: 'It is unlinked' } },
  handle: async (request) => {
    const { engine, caller, params } = request;
    const { run } = await findRun(request);
    const isGone = await engine.records.delete(caller, 'telnyx', linksOf(run.id), params.telnyx_agent_id);
    if (!isGone && !isRepeated(request)) throw new EngineError('not_found', 'the agent is not linked');
    return { status: 204, body: null };
  },
});
