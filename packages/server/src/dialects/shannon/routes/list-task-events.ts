import { EVENT_TYPES, type RunEvent } from '@fermata/protocol';
import { z } from 'zod';
import { createEventEncoder, type ShannonEvent } from '../events.ts';
import { WireError } from '../errors.ts';
import { defineRoute, type ShannonRequest } from '../route.ts';
import { findTask } from '../task-id.ts';
import { checkId, readLimit, readOffset } from '../validate.ts';
import { eventsReply } from '../wire.ts';
import { readLog } from '../read-log.ts';

export const listTaskEvents = defineRoute({
  operationId: 'listTaskEvents',
  method: 'GET',
  path: '/api/v1/tasks/{id}/events',
  tag: 'Streams',
  role: 'viewer',
  summary: 'List the events of a task, without the pieces of its text',
  params: z.object({ id: z.string().describe('Task id') }),
  query: z.object({
    limit: z.string().optional().describe('1 to 200, 50 unless told'),
    offset: z.string().optional().describe('How many to pass over'),
  }),
  replies: { 200: { description: 'Events in order; none for an unknown task', schema: eventsReply } },
  handle: async (request) => {
    const id = checkId(request.params['id'], 'Invalid task ID format');
    const limit = readLimit(request.query, 50, 200);
    const offset = readOffset(request.query);
    const events = (await taskEvents(request, id)).slice(offset, offset + limit);
    return { status: 200, body: { events, count: events.length } };
  },
});

/** Everything but the pieces of text, which Shannon does not keep either. An unknown task has none. */
async function taskEvents(request: ShannonRequest, id: string): Promise<ShannonEvent[]> {
  try {
    const run = await findTask(request, id);
    const encode = createEventEncoder(run);
    const types = EVENT_TYPES.filter((type) => type !== 'message.delta');
    const log: RunEvent[] = await readLog(request, run.id, types);
    return log.flatMap((event) => encode(event));
  } catch (error) {
    if (error instanceof WireError && error.status === 404) return [];
    throw error;
  }
}
