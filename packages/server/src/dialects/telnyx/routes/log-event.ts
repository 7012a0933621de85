import { eventData } from '../events.ts';
import { data, findRun, telnyxOperation } from '../operation.ts';
import { createEventSchema, eventDataSchema, runParamsSchema, single } from '../wire.ts';

export const logEvent = telnyxOperation({
  method: 'POST',
  path: '/ai/missions/{mission_id}/runs/{run_id}/events',
  role: 'operator',
  summary: 'Log event',
  description:
    'Accepted in every status. The same idempotency_key again is answered with the event that it logged first.',
  params: runParamsSchema,
  body: createEventSchema,
  example: { type: 'tool_call', summary: 'Calls the first caterer', idempotency_key: 'call-1' },
  replies: { 201: { description: 'The event', schema: single(eventDataSchema) } },
  handle: async (request) => {
    const { engine, caller, body, command } = request;
    const { run } = await findRun(request);
    const note = {
      type: body.type,
      summary: body.summary,
      data: body.payload ?? undefined,
      key: body.idempotency_key || undefined,
      stepId: body.step_id ?? undefined,
      agentId: body.agent_id ?? undefined,
    };
    return command(
      (options) => engine.runs.addNote(caller, run.id, note, options),
      ({ event }) => data(201, eventData(event, run.mode)),
    );
  },
});
