import { metaOf, missionData, pageOf } from '../encode.ts';
import { telnyxOperation } from '../operation.ts';
import { missionDataSchema, missionsQuerySchema, paged } from '../wire.ts';

export const listMissions = telnyxOperation({
  method: 'GET',
  path: '/ai/missions',
  role: 'viewer',
  summary: 'List missions',
  description: 'Newest first; last the mission that holds the runs without one.',
  query: missionsQuerySchema,
  replies: { 200: { description: 'A page of missions', schema: paged(missionDataSchema) } },
  handle: async ({ engine, caller, query }) => {
    const { name, metadata } = query;
    const page = await engine.missions.list(caller, { ...pageOf(query), name, metadata });
    return { status: 200, body: { data: page.data.map(missionData), meta: metaOf(page, query) } };
  },
});
