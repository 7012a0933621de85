import { eventsPage } from '../event-page.ts';
import { telnyxOperation } from '../operation.ts';
import { allEventsQuerySchema, eventDataSchema, paged } from '../wire.ts';

export const listAllEvents = telnyxOperation({
  method: 'GET',
  path: '/ai/missions/events',
  role: 'viewer',
  summary: 'List recent events of all missions',
  description: 'Newest first.',
  query: allEventsQuerySchema,
  replies: { 200: { description: 'A page of events', schema: paged(eventDataSchema) } },
  handle: (request) => eventsPage(request, request.query, null),
});
