import { telnyxOperation } from '../operation.ts';
import { runsPage } from '../run-page.ts';
import { paged, runDataSchema, runsQuerySchema } from '../wire.ts';

export const listAllRuns = telnyxOperation({
  method: 'GET',
  path: '/ai/missions/runs',
  role: 'viewer',
  summary: 'List recent runs of all missions',
  description: 'Newest first; also those that were started natively or by another face.',
  query: runsQuerySchema,
  replies: { 200: { description: 'A page of runs', schema: paged(runDataSchema) } },
  handle: (request) => runsPage(request, request.query, { missionKept: true }),
});
