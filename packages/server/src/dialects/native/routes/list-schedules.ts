import { listSchedulesQuerySchema, listSchedulesReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listSchedules = defineOperation({
  operationId: 'listSchedules',
  method: 'GET',
  path: '/schedules',
  tag: 'Schedules',
  role: 'viewer',
  summary: 'List schedules',
  query: listSchedulesQuerySchema,
  replies: { 200: { description: 'A page of schedules', schema: listSchedulesReplySchema } },
  errors: [],
  handle: async ({ engine, caller, query }) => {
    const page = await engine.schedules.list(caller, { ...query, limit: query.limit ?? 20 });
    const data = page.data.map(({ schedule }) => schedule);
    return { status: 200, body: { data, nextCursor: page.nextCursor } };
  },
});
