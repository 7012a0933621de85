import { listScheduleFiresReplySchema, pageQuerySchema, scheduleParamsSchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listScheduleFires = defineOperation({
  operationId: 'listScheduleFires',
  method: 'GET',
  path: '/schedules/{scheduleId}/fires',
  tag: 'Schedules',
  role: 'viewer',
  summary: 'List when a schedule has fired, and its runs',
  params: scheduleParamsSchema,
  query: pageQuerySchema,
  replies: { 200: { description: 'A page of firings', schema: listScheduleFiresReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params, query }) => {
    const page = await engine.schedules.fires(caller, params.scheduleId, {
      ...query,
      limit: query.limit ?? 20,
    });
    const data = page.data.map(({ fire }) => fire);
    return { status: 200, body: { data, nextCursor: page.nextCursor } };
  },
});
