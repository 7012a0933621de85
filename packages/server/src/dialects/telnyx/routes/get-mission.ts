import type { JsonObject } from '@fermata/protocol';
import { COLLECTIONS, listObjects } from '../collections.ts';
import { missionData } from '../encode.ts';
import { data, findMission, telnyxOperation } from '../operation.ts';
import { missionDataSchema, missionParamsSchema, single } from '../wire.ts';

export const getMission = telnyxOperation({
  method: 'GET',
  path: '/ai/missions/{mission_id}',
  role: 'viewer',
  summary: 'Get mission',
  description: 'With its tools, knowledge bases and MCP servers.',
  params: missionParamsSchema,
  replies: { 200: { description: 'The mission', schema: single(missionDataSchema) } },
  handle: async (request) => {
    const mission = await findMission(request, request.params.mission_id);
    const lists = await Promise.all(
      COLLECTIONS.map(async (collection): Promise<[string, JsonObject[]]> => {
        return [collection.member, await listObjects(request, collection, mission.id)];
      }),
    );
    return data(200, { ...missionData(mission), ...Object.fromEntries(lists) });
  },
});
