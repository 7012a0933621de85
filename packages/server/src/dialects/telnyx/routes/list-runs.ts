import { findMission, telnyxOperation } from '../operation.ts';
import { runsPage } from '../run-page.ts';
import { missionParamsSchema, paged, runDataSchema, runsQuerySchema } from '../wire.ts';

export const listRuns = telnyxOperation({
  method: 'GET',
  path: '/ai/missions/{mission_id}/runs',
  role: 'viewer',
  summary: 'List runs of a mission',
  description: 'Newest first.',
  params: missionParamsSchema,
  query: runsQuerySchema,
  replies: { 200: { description: 'A page of runs', schema: paged(runDataSchema) } },
  handle: async (request) => {
    const mission = await findMission(request, request.params.mission_id);
    const unassignedId = await request.engine.missions.unassignedId(request.caller);
    return runsPage(request, request.query, { mission: mission.id === unassignedId ? null : mission.id });
  },
});
