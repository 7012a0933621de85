import { eventsPage } from '../event-page.ts';
import { findRun, telnyxOperation } from '../operation.ts';
import { eventDataSchema, eventsQuerySchema, paged, runParamsSchema } from '../wire.ts';

export const listEvents = telnyxOperation({
  method: 'GET',
  path: '/ai/missions/{mission_id}/runs/{run_id}/events',
  role: 'viewer',
  summary: 'List events of a run',
  description: 'Newest first.',
  params: runParamsSchema,
  query: eventsQuerySchema,
  replies: { 200: { description: 'A page of events', schema: paged(eventDataSchema) } },
  handle: async (request) => {
    const { run } = await findRun(request);
    return eventsPage(request, request.query, run);
  },
});
