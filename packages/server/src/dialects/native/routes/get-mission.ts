import { getMissionParamsSchema, getMissionReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getMission = defineOperation({
  operationId: 'getMission',
  method: 'GET',
  path: '/missions/{missionId}',
  tag: 'Missions',
  role: 'viewer',
  summary: 'Get a mission',
  params: getMissionParamsSchema,
  replies: { 200: { description: 'The mission', schema: getMissionReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => ({
    status: 200,
    body: await engine.missions.get(caller, params.missionId),
  }),
});
