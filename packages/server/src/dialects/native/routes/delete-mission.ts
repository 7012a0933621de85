import { deleteMissionParamsSchema } from '@fermata/protocol';
import { EngineError } from '../../../engine/errors.ts';
import { defineOperation } from '../../../http/route.ts';

export const deleteMission = defineOperation({
  operationId: 'deleteMission',
  method: 'DELETE',
  path: '/missions/{missionId}',
  tag: 'Missions',
  role: 'developer',
  summary: 'Delete a mission',
  description: 'Its managed runs are cancelled; all of its runs stay. `Unassigned` cannot be deleted.',
  params: deleteMissionParamsSchema,
  replies: { 204: { description: 'It is deleted' } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => {
    const isNew = await engine.missions.delete(caller, params.missionId);
    if (!isNew) throw new EngineError('not_found', 'There is no such mission');
    return { status: 204, body: null };
  },
});
