import type { Run } from '@fermata/protocol';
import type { z } from 'zod';
import type { CommandReply, OperationRequest } from '../../http/route.ts';
import { metaOf, pageOf } from './encode.ts';
import { eventData, selectorsOf } from './events.ts';
import type { allEventsQuerySchema, eventsQuerySchema } from './wire.ts';

type Query = z.output<typeof allEventsQuerySchema> & Partial<z.output<typeof eventsQuerySchema>>;

/** A page of events, newest first, of one run or of all. A type that there is not gives none. */
export async function eventsPage(
  { engine, caller }: Pick<OperationRequest<unknown, unknown, unknown>, 'engine' | 'caller'>,
  query: Query,
  run: Run | null,
): Promise<CommandReply> {
  const page = await engine.events.select(caller, {
    ...pageOf(query),
    ...(run === null ? {} : { run: run.id }),
    any: selectorsOf(query.type),
    stepId: query.step_id,
    agentId: query.agent_id,
  });
  // Only a managed run's own events are selected besides notes, which are the same in both modes.
  const data = page.data.map((event) => eventData(event, 'managed'));
  return { status: 200, body: { data, meta: metaOf(page, query) } };
}
