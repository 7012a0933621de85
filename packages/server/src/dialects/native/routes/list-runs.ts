import { listRunsQuerySchema, listRunsReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listRuns = defineOperation({
  operationId: 'listRuns',
  method: 'GET',
  path: '/runs',
  tag: 'Runs',
  role: 'viewer',
  summary: 'List runs',
  description: 'Newest first. Filters are joined by and; a comma list means any of these.',
  query: listRunsQuerySchema,
  replies: { 200: { description: 'A page of runs', schema: listRunsReplySchema } },
  errors: ['cursor_expired'],
  handle: async ({ engine, caller, query }) => {
    const page = await engine.runs.list(caller, { ...query, limit: query.limit ?? 20 });
    return { status: 200, body: { data: page.data, nextCursor: page.nextCursor } };
  },
});
