import { EVENT_TYPES } from '@fermata/protocol';
import { z } from 'zod';
import { readLog } from '../read-log.ts';
import { defineRoute } from '../route.ts';
import { findTask, taskIdOf } from '../task-id.ts';
import { timelineEntry } from '../timeline.ts';
import { openObject } from '../wire.ts';

const ZERO_ID = '00000000-0000-0000-0000-000000000000';
/** Go's zero time: the entries are made from the log and stored nowhere else. */
const ZERO_TIME = '0001-01-01T00:00:00Z';

export const getTimeline = defineRoute({
  operationId: 'getTaskTimeline',
  method: 'GET',
  path: '/api/v1/tasks/{id}/timeline',
  tag: 'Streams',
  role: 'viewer',
  summary: 'Get the history of a task in the words of a workflow engine',
  params: z.object({ id: z.string().describe('Task id') }),
  query: z.object({
    mode: z.string().optional().describe('summary (unless told) or full'),
    include_payloads: z.string().optional().describe('true: with the data of each event'),
    persist: z.string().optional().describe('true: 202 with the count only; the log is kept anyway'),
  }),
  replies: {
    200: { description: 'The history', schema: openObject },
    202: { description: 'persist=true', schema: openObject },
  },
  errors: ['not_found'],
  handle: async (request) => {
    const run = await findTask(request, request.params['id'] ?? '');
    const mode = request.query.get('mode') === 'full' ? 'full' : 'summary';
    const hasPayloads = request.query.get('include_payloads') === 'true';
    const workflowId = taskIdOf(run);
    const types = EVENT_TYPES.filter((type) => type !== 'message.delta');
    const events = (await readLog(request, run.id, types)).flatMap((event) => {
      const entry = timelineEntry(event);
      if (entry === null || (entry.isDetail && mode === 'summary')) return [];
      return {
        id: ZERO_ID,
        workflow_id: workflowId,
        type: entry.type,
        message: entry.message,
        ...(hasPayloads ? { payload: event.data } : {}),
        timestamp: event.at,
        seq: event.seq,
        created_at: ZERO_TIME,
      };
    });
    if (request.query.get('persist') === 'true') {
      return { status: 202, body: { status: 'accepted', workflow_id: workflowId, count: events.length } };
    }
    return { status: 200, body: { workflow_id: workflowId, events, stats: { total: events.length, mode } } };
  },
});
