import type { CommitListener } from '../engine/commit.ts';
import type { DecisionFacts } from '../engine/commands.ts';
import { EngineError } from '../engine/errors.ts';
import { learn } from '../engine/facts.ts';
import type { DryRunPort } from '../engine/preview.ts';
import { decideBatch, type BatchOptions } from './committer-batch.ts';
import { needsOf, readFacts } from './committer-reads.ts';
import type { Pool } from './pool.ts';
import { lookAtRuns } from './run-locks.ts';

export interface DryRunOptions {
  newId(prefix: string): string;
  /** As the committer's. */
  usage: { reached: BatchOptions['reachedToday'] };
  /** Database time to time of commit, ms; as the committer's. */
  clock?: (databaseMs: number) => number;
}

/**
 * Decides a commit as the committer does, in a transaction that cannot write and locks nothing, and throws the writes
 * away.
 */
export function createDryRuns(pool: Pool, options: DryRunOptions): DryRunPort {
  const clock = options.clock ?? ((databaseMs: number): number => databaseMs);
  return {
    async decide(request) {
      const { runId } = request;
      const needs = needsOf([request], false);
      // Answers that were kept matter to the waits that the driver would open next.
      if (!needs.earlyRunIds.includes(runId)) needs.earlyRunIds.push(runId);
      const facts = await pool.snapshot((sql) => readFacts(sql, { ...needs, locks: [] }, false, lookAtRuns));
      const before = facts.runs.get(runId);
      const early = [...(facts.early.get(runId) ?? [])];
      const decided = decideBatch([request], facts, {
        listener: NOBODY,
        organizationConcurrency: null,
        newId: options.newId,
        clock,
        waited: new Set([runId]),
        outbox: new Set(),
        reachedToday: (organizationId) => options.usage.reached(organizationId),
      });
      const [outcome] = decided.outcomes;
      if (outcome?.kind === 'refused') throw outcome.error;
      if (outcome?.kind !== 'done' || before === undefined) {
        throw new EngineError('not_found', 'there is no such run');
      }
      const { result } = outcome;
      const { dispatch } = result;
      const known: DecisionFacts = {
        driven: dispatch.claim !== null,
        attempts: dispatch.attempts,
        epoch: dispatch.epoch,
        closed: [],
        early,
        known: new Map(),
        record: null,
        daily: options.usage.reached(result.state.organizationId),
      };
      return {
        before: before.state,
        result,
        facts: result.events.reduce((learnt, event) => learn(learnt, before.state, event), known),
        now: new Date(clock(facts.nowMs)).toISOString(),
      };
    },
  };
}

/** A run that would become due is nobody's: nothing is claimed, started or told. */
const NOBODY: CommitListener = {
  offer: () => null,
  withdraw: () => undefined,
  claimed: () => undefined,
  committed: () => undefined,
};
