import type { RunEvent } from '@fermata/protocol';
import { EngineError } from '../engine/errors.ts';
import type { Caller } from '../engine/caller.ts';
import type { EventsFacade } from '../engine/facade.ts';
import type { EventCounts, EventReads, EventSelections, Hints, RunReads } from '../engine/ports.ts';
import type { EventTail } from './tail.ts';

export interface EventsPorts {
  runs: Pick<RunReads, 'byId'>;
  events: Pick<EventReads, 'page'> & EventCounts;
  selections: EventSelections;
  tail: Pick<EventTail, 'open'>;
  hints: Pick<Hints, 'changes'>;
}

const DEFAULT_LIMIT = 200;

/** The log as the outside sees it: pages and streams, scoped by organization. */
export function createEventsFacade({ runs, events, selections, tail, hints }: EventsPorts): EventsFacade {
  async function checkRun(caller: Caller, runId: string): Promise<void> {
    const run = await runs.byId(caller.organizationId, runId);
    if (run === null) throw new EngineError('not_found', 'there is no such run');
  }

  return {
    async list(caller, runId, query) {
      await checkRun(caller, runId);
      const limit = query.limit ?? DEFAULT_LIMIT;
      const [page, total] = await Promise.all([
        events.page(runId, { ...query, limit: limit + 1 }),
        query.total === true ? events.count(runId, query.types) : undefined,
      ]);
      const data = page.slice(0, limit);
      return {
        data,
        nextCursor: page.length > limit ? cursorAfter(data) : null,
        ...(total === undefined ? {} : { total }),
      };
    },
    async select(caller, query) {
      if (query.run !== undefined) await checkRun(caller, query.run);
      return selections.select(caller.organizationId, query);
    },
    async tail(caller, runId, after, signal) {
      await checkRun(caller, runId);
      return tail.open(runId, after, signal);
    },
    changes: (caller, signal) => hints.changes(caller.organizationId, signal),
  };
}

/** The seq of the last event: `after` of the next page in ascending order, `before` in descending. */
function cursorAfter(data: readonly RunEvent[]): string | null {
  const last = data.at(-1);
  return last === undefined ? null : String(last.seq);
}
