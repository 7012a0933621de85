import {
  updateMissionBodySchema,
  updateMissionParamsSchema,
  updateMissionReplySchema,
} from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const updateMission = defineOperation({
  operationId: 'updateMission',
  method: 'PATCH',
  path: '/missions/{missionId}',
  tag: 'Missions',
  role: 'developer',
  summary: 'Change a mission',
  description: 'Runs keep the agent that they started with. `Unassigned` cannot be changed.',
  params: updateMissionParamsSchema,
  body: updateMissionBodySchema,
  replies: { 200: { description: 'The mission', schema: updateMissionReplySchema } },
  errors: ['not_found'],
  handle: ({ engine, caller, params, body, command }) =>
    command(
      (options) =>
        engine.missions.update(caller, params.missionId, { ...body, mergesMetadata: true }, options),
      (mission) => ({ status: 200, body: mission }),
    ),
});
