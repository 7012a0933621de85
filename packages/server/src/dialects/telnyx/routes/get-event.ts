import { EngineError } from '../../../engine/errors.ts';
import { eventData, seqOf } from '../events.ts';
import { data, findRun, telnyxOperation } from '../operation.ts';
import { eventDataSchema, eventParamsSchema, single } from '../wire.ts';

export const getEvent = telnyxOperation({
  method: 'GET',
  path: '/ai/missions/{mission_id}/runs/{run_id}/events/{event_id}',
  role: 'viewer',
  summary: 'Get event',
  params: eventParamsSchema,
  replies: { 200: { description: 'The event', schema: single(eventDataSchema) } },
  handle: async (request) => {
    const { engine, caller, params } = request;
    const { run } = await findRun(request);
    const seq = seqOf(run.id, params.event_id);
    const [event] =
      seq === null || seq > run.head
        ? []
        : (await engine.events.list(caller, run.id, { after: seq - 1, before: seq + 1, limit: 1 })).data;
    const shown = event === undefined ? null : eventData(event, run.mode);
    if (shown === null) throw new EngineError('not_found', 'there is no such event');
    return data(200, shown);
  },
});
