import { EngineError } from '../../../engine/errors.ts';
import { isRepeated, telnyxOperation } from '../operation.ts';
import { missionParamsSchema } from '../wire.ts';

export const deleteMission = telnyxOperation({
  method: 'DELETE',
  path: '/ai/missions/{mission_id}',
  role: 'developer',
  summary: 'Delete mission',
  description: 'Hides it and its runs here and cancels its managed runs; natively the runs stay.',
  params: missionParamsSchema,
  replies: { 204: { description: 'It is deleted' } },
  handle: async (request) => {
    const { engine, caller, params } = request;
    const isNew = await engine.missions.delete(caller, params.mission_id);
    if (!isNew && !isRepeated(request)) throw new EngineError('not_found', 'there is no such mission');
    return { status: 204, body: null };
  },
});
