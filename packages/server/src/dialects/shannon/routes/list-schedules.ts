import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { readPage, scheduleJson } from '../schedule.ts';
import { openObject } from '../wire.ts';

export const listSchedules = defineRoute({
  operationId: 'listSchedules',
  method: 'GET',
  path: '/api/v1/schedules',
  tag: 'Schedules',
  role: 'viewer',
  summary: 'List schedules, newest first',
  query: z.object({
    page: z.string().optional().describe('From 1'),
    page_size: z.string().optional().describe('1 to 100, 50 unless told'),
    status: z.string().optional().describe('ACTIVE, PAUSED or ALL'),
  }),
  replies: { 200: { description: 'Schedules', schema: openObject } },
  handle: async ({ engine, caller, query }) => {
    const { page, size } = readPage(query, 50);
    const wanted = query.get('status')?.toUpperCase();
    const status = wanted === 'ACTIVE' ? 'active' : wanted === 'PAUSED' ? 'paused' : undefined;
    const found = await engine.schedules.list(caller, {
      ...(status === undefined ? {} : { status }),
      limit: size,
      offset: (page - 1) * size,
      total: true,
    });
    const { data, total = 0 } = found;
    return {
      status: 200,
      body: {
        ...(data.length === 0 ? {} : { schedules: data.map(scheduleJson) }),
        ...(total === 0 ? {} : { total_count: total }),
        page,
        page_size: size,
      },
    };
  },
});
