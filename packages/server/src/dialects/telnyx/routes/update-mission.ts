import { missionFields } from '../decode.ts';
import { missionData } from '../encode.ts';
import { data, telnyxOperation } from '../operation.ts';
import { missionDataSchema, missionParamsSchema, single, updateMissionSchema } from '../wire.ts';

export const updateMission = telnyxOperation({
  method: 'PUT',
  path: '/ai/missions/{mission_id}',
  role: 'developer',
  summary: 'Update mission',
  description: 'Changes the members that are sent; null clears one.',
  params: missionParamsSchema,
  body: updateMissionSchema,
  replies: { 200: { description: 'The mission', schema: single(missionDataSchema) } },
  handle: async ({ engine, caller, params, body }) => {
    const mission = await engine.missions.update(caller, params.mission_id, missionFields(body));
    return data(200, missionData(mission));
  },
});
