import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { sessionItem } from '../session.ts';
import { readLimit, readOffset } from '../validate.ts';
import { openObject } from '../wire.ts';

export const listSessions = defineRoute({
  operationId: 'listSessions',
  method: 'GET',
  path: '/api/v1/sessions',
  tag: 'Sessions',
  role: 'viewer',
  summary: 'List sessions, newest first',
  query: z.object({
    limit: z.string().optional().describe('1 to 100, 20 unless told'),
    offset: z.string().optional().describe('How many to pass over'),
  }),
  replies: { 200: { description: 'Sessions', schema: openObject } },
  handle: async ({ engine, caller, query }) => {
    const limit = readLimit(query, 20, 100);
    const page = await engine.sessions.list(caller, { limit, offset: readOffset(query), total: true });
    return { status: 200, body: { sessions: page.data.map(sessionItem), total_count: page.total ?? 0 } };
  },
});
