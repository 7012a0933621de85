import { listMissionsQuerySchema, listMissionsReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listMissions = defineOperation({
  operationId: 'listMissions',
  method: 'GET',
  path: '/missions',
  tag: 'Missions',
  role: 'viewer',
  summary: 'List missions',
  description:
    'Newest first. Last comes `Unassigned`, which holds the runs without a mission, while there are any.',
  query: listMissionsQuerySchema,
  replies: { 200: { description: 'A page of missions', schema: listMissionsReplySchema } },
  errors: ['cursor_expired'],
  handle: async ({ engine, caller, query }) => {
    const page = await engine.missions.list(caller, { ...query, limit: query.limit ?? 20 });
    return { status: 200, body: { data: page.data, nextCursor: page.nextCursor } };
  },
});
