import type { CommitPort, CommitResult } from './commit.ts';
import { EngineError } from './errors.ts';
import type { PlansFacade } from './facade.ts';
import { stepsOf } from './plan.ts';
import type { PlanReads, RunReads } from './ports.ts';
import { changedOf, commandRequest } from './run-commands.ts';

export interface PlansPorts {
  committer: CommitPort;
  runs: Pick<RunReads, 'byId'>;
  plans: PlanReads;
}

/** The facade of plans: a change is a command on the run. */
export function createPlansFacade({ committer, runs, plans }: PlansPorts): PlansFacade {
  return {
    async get(caller, runId) {
      const run = await runs.byId(caller.organizationId, runId);
      if (run === null) throw new EngineError('not_found', 'there is no such run');
      return stepsOf(await plans.of(run.id));
    },
    async change(caller, runId, change, options) {
      const reply = (result: CommitResult): Awaited<ReturnType<PlansFacade['change']>> => ({
        ...changedOf(result),
        steps: result.decisions[0]?.steps ?? [],
      });
      const commands = [{ type: 'plan' as const, by: caller.actor, change }];
      return reply(await committer.commit(commandRequest(caller, runId, commands, options, reply)));
    },
  };
}
