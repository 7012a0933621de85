import type { RunEvent } from '@fermata/protocol';
import type { Command, CommandType, DecisionFacts } from './commands.ts';
import { settle } from './deciders/settle.ts';
import { settleTree, treeBefore } from './deciders/tree.ts';
import type { Decision } from './deciders/refuse.ts';
import { createDraft, type Draft } from './draft.ts';
import { LIFECYCLE, type Decider } from './lifecycle.ts';
import type { NewRun } from './new-run.ts';
import type { Sent } from './outbox.ts';
import { copyState, type RunState } from './state.ts';

export interface Decided {
  state: RunState;
  events: RunEvent[];
  /** One per command, in order. */
  decisions: Decision[];
  /** What the deciders leave for other runs. */
  sent: Sent[];
  /** Child runs to be created in the same commit. */
  started: NewRun[];
}

/**
 * Decides the commands of one commit on one run, in order, all or none: it throws `EngineError` and leaves
 * `state` as it was, or returns the run as it will be. Pure: time and facts are given.
 */
export function decide(
  state: RunState,
  commands: readonly Command[],
  now: string,
  facts: DecisionFacts,
): Decided {
  const draft = createDraft(copyState(state), now, facts);
  const decisions = commands.map((command) => {
    const before = treeBefore(draft);
    const decision = decideOne(draft, command);
    settle(draft);
    settleTree(draft, before);
    return decision;
  });
  const { state: after, events, sent, started } = draft;
  return { state: after, events, decisions, sent, started };
}

function decideOne<C extends CommandType>(draft: Draft, command: { type: C } & Command): Decision {
  // The row of a command takes that command; TypeScript cannot see the correlation.
  const decider = LIFECYCLE[command.type][draft.state.status] as Decider<CommandType>;
  return decider(draft, command);
}
