import {
  listEventsParamsSchema,
  listEventsQuerySchema,
  listEventsReplySchema,
  runEventSchema,
} from '@fermata/protocol';
import { invalidRequest } from '../../../http/problem.ts';
import { defineOperation } from '../../../http/route.ts';
import { openEventStream } from '../event-stream.ts';

export const listEvents = defineOperation({
  operationId: 'listEvents',
  method: 'GET',
  path: '/runs/{runId}/events',
  tag: 'Events',
  role: 'viewer',
  summary: 'List or stream the events of a run',
  description:
    'With `Accept: text/event-stream`: `id:` is the seq, `event:` the type, `data:` the event; a `: hb` comment every 10 s. A stream ends with `event: stream.end` and a reason, after which a client must close; one that breaks without it is taken up again with `Last-Event-ID`, at any process, for the life of the run.',
  params: listEventsParamsSchema,
  query: listEventsQuerySchema,
  replies: {
    200: {
      description: 'A page of events, or their stream',
      schema: listEventsReplySchema,
      stream: runEventSchema,
    },
  },
  errors: ['not_found', 'cursor_ahead', 'cursor_expired'],
  handle: async ({ engine, caller, params, query, wantsStream, lastEventId, streamSignal }) => {
    const { until, ...filter } = query;
    if (!wantsStream) {
      const page = await engine.events.list(caller, params.runId, { ...filter, limit: query.limit ?? 200 });
      return { status: 200, body: { data: page.data, nextCursor: page.nextCursor } };
    }
    const foreign = (['before', 'order', 'limit'] as const).filter((name) => filter[name] !== undefined);
    if (foreign.length > 0) {
      throw invalidRequest(foreign.map((name) => ({ path: `query.${name}`, message: 'not for a stream' })));
    }
    const stream = await openEventStream({
      engine,
      caller,
      runId: params.runId,
      // A browser that reconnects sends both; what it received last is the newer.
      after: lastEventId ?? query.after ?? 0,
      until,
      types: query.types,
      signal: streamSignal(),
    });
    return { status: 200, stream };
  },
});
