import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { readPage, scheduleIdIn, scheduleOr404, scheduleRunJson } from '../schedule.ts';
import { openObject } from '../wire.ts';

export const listScheduleRuns = defineRoute({
  operationId: 'listScheduleRuns',
  method: 'GET',
  path: '/api/v1/schedules/{id}/runs',
  tag: 'Schedules',
  role: 'viewer',
  summary: 'List the tasks that a schedule has started, newest first',
  params: z.object({ id: z.string().describe('Schedule id, a UUID') }),
  query: z.object({
    page: z.string().optional(),
    page_size: z.string().optional().describe('20 unless told'),
  }),
  replies: { 200: { description: 'Its tasks', schema: openObject } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params, query }) => {
    const { page, size } = readPage(query, 20);
    const place = { limit: size, offset: (page - 1) * size, total: true };
    const found = await scheduleOr404(
      engine.schedules.fires(caller, scheduleIdIn(params['id'] ?? ''), place),
    );
    return {
      status: 200,
      body: {
        runs: found.data.map(({ fire, run }) => scheduleRunJson(fire, run)),
        total_count: found.total ?? 0,
        page,
        page_size: size,
      },
    };
  },
});
