import type { RunStatus } from '@fermata/protocol';
import { EngineError } from './errors.ts';
import type { RunsFacade } from './facade.ts';
import type { MissionsFacade } from './facade-missions.ts';

/** Missions as they are kept: without what deleting one does to its runs. */
export interface MissionStore extends Omit<MissionsFacade, 'delete'> {
  /** True when it was this call that hid it; false when it was hidden before. `not_found` when there is none. */
  hide: MissionsFacade['delete'];
}

const LIVE: RunStatus[] = ['queued', 'running', 'pausing', 'paused', 'waiting'];
const PAGE = 200;

/** The facade of missions. */
export function createMissionsFacade(
  { hide, ...store }: MissionStore,
  runs: Pick<RunsFacade, 'list' | 'cancel'>,
): MissionsFacade {
  return {
    ...store,
    async delete(caller, missionId, options) {
      // Hidden first: no run is started in it any more, so that one pass finds them all.
      const isNew = await hide(caller, missionId, options);
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<RunsFacade['list']>> = await runs.list(caller, {
          mission: missionId,
          mode: 'managed',
          status: LIVE,
          limit: PAGE,
          ...(cursor === null ? {} : { cursor }),
        });
        for (const run of page.data) {
          await runs.cancel(caller, run.id, { reason: 'its mission was deleted' }).catch(ignoreEnded);
        }
        cursor = page.nextCursor;
      } while (cursor !== null);
      return isNew;
    },
  };
}

function ignoreEnded(error: unknown): void {
  if (!(error instanceof EngineError) || error.code !== 'invalid_transition') throw error;
}
