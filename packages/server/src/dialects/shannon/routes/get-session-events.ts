import { EVENT_TYPES, type JsonObject, type Run } from '@fermata/protocol';
import { z } from 'zod';
import { echoOf, resultText, totalTokens } from '../encode.ts';
import { WireError } from '../errors.ts';
import { createEventEncoder, type ShannonEvent } from '../events.ts';
import { readLog } from '../read-log.ts';
import { defineRoute, type ShannonRequest } from '../route.ts';
import { attachmentsOf, findSession, sessionRuns } from '../session.ts';
import { taskIdOf } from '../task-id.ts';
import { readLimit, readOffset } from '../validate.ts';
import { openObject } from '../wire.ts';

const MOST_EVENTS = 5000;

export const getSessionEvents = defineRoute({
  operationId: 'getSessionEvents',
  method: 'GET',
  path: '/api/v1/sessions/{id}/events',
  tag: 'Sessions',
  role: 'viewer',
  summary: 'List the turns of a session with their events',
  params: z.object({ id: z.string().describe('Session id') }),
  query: z.object({
    limit: z.string().optional().describe('1 to 100, 10 unless told'),
    offset: z.string().optional().describe('How many to pass over'),
    include_payload: z.string().optional().describe('true: each event has its payload, as JSON text'),
  }),
  replies: { 200: { description: 'Turns', schema: openObject } },
  errors: ['not_found', 'payload_too_large'],
  handle: async (request) => {
    const limit = readLimit(request.query, 10, 100);
    const offset = readOffset(request.query);
    const { id } = await findSession(request, request.params['id'] ?? '');
    const runs = await sessionRuns(request, id);
    const hasPayload = request.query.get('include_payload') === 'true';
    const turns: JsonObject[] = [];
    let events = 0;
    for (const [index, run] of runs.slice(offset, offset + limit).entries()) {
      const turn = await turnOf(request, run, offset + index + 1, hasPayload);
      events += turn.events.length;
      if (events > MOST_EVENTS) throw new WireError(413, { error: 'Too many events; ask for fewer turns' });
      turns.push(turn);
    }
    return { status: 200, body: { session_id: id, count: runs.length, turns } };
  },
});

async function turnOf(
  request: ShannonRequest,
  run: Run,
  turn: number,
  hasPayload: boolean,
): Promise<JsonObject & { events: JsonObject[] }> {
  const encode = createEventEncoder(run);
  const types = EVENT_TYPES.filter((type) => type !== 'message.delta');
  const events = (await readLog(request, run.id, types)).flatMap((event) => encode(event));
  const began = run.startedAt ?? run.createdAt;
  const attachments = attachmentsOf(run);
  return {
    turn,
    task_id: taskIdOf(run),
    user_query: echoOf(run).query,
    final_output: resultText(run.output),
    timestamp: run.createdAt,
    events: events.map((event) => eventJson(event, hasPayload)),
    metadata: {
      tokens_used: totalTokens(run),
      execution_time_ms: Date.parse(run.finishedAt ?? run.updatedAt) - Date.parse(began),
      agents_involved: [...new Set(events.flatMap((event) => event.agent_id ?? []))],
      ...(attachments === 0 ? {} : { attachments }),
    },
  };
}

function eventJson({ payload, ...event }: ShannonEvent, hasPayload: boolean): JsonObject {
  return { ...event, ...(hasPayload && payload !== undefined ? { payload: JSON.stringify(payload) } : {}) };
}
