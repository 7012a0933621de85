import { listJobsQuerySchema, listJobsReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listJobs = defineOperation({
  operationId: 'listJobs',
  method: 'GET',
  path: '/jobs',
  tag: 'Bulk jobs',
  role: 'viewer',
  summary: 'List bulk jobs',
  description: 'Newest first.',
  query: listJobsQuerySchema,
  replies: { 200: { description: 'A page of jobs', schema: listJobsReplySchema } },
  errors: ['cursor_expired'],
  handle: async ({ engine, caller, query }) => {
    const { data, nextCursor } = await engine.jobs.list(caller, { ...query, limit: query.limit ?? 20 });
    return { status: 200, body: { data, nextCursor } };
  },
});
