import type { EventType, RunEvent } from '@fermata/protocol';
import type { ShannonRequest } from './route.ts';

const PAGE = 1000;

/** A run's whole log, of these types. */
export async function readLog(
  { engine, caller }: Pick<ShannonRequest, 'engine' | 'caller'>,
  runId: string,
  types: EventType[],
): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for (;;) {
    const page = await engine.events.list(caller, runId, {
      after: events.at(-1)?.seq ?? 0,
      types,
      limit: PAGE,
    });
    events.push(...page.data);
    if (page.nextCursor === null) return events;
  }
}
