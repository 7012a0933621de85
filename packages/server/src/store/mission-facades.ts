import type { CommitPort } from '../engine/commit.ts';
import type { Engine, RunsFacade } from '../engine/facade.ts';
import { createMissionsFacade, type MissionStore } from '../engine/mission-commands.ts';
import { createPlansFacade } from '../engine/plan-commands.ts';
import type { RunReads } from '../engine/ports.ts';
import { createPlanReads } from './plans.ts';
import type { Pool } from './pool.ts';

/** The facades of missions and plans. */
export function createMissionFacades(
  pool: Pool,
  parts: { committer: CommitPort; reads: RunReads; missions: MissionStore; runs: RunsFacade },
): Pick<Engine, 'missions' | 'plans'> {
  return {
    missions: createMissionsFacade(parts.missions, parts.runs),
    plans: createPlansFacade({
      committer: parts.committer,
      runs: parts.reads,
      plans: createPlanReads(pool),
    }),
  };
}
