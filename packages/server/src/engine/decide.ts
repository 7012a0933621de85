import type { RunEvent } from '@fermata/protocol';
import type { Command, CommandType, DecisionFacts } from './commands.ts';
import { settle } from './deciders/settle.ts';
import type { Decision } from './deciders/refuse.ts';
import { createDraft, type Draft } from './draft.ts';
import { LIFECYCLE, type Decider } from './lifecycle.ts';
import { copyState, type RunState } from './state.ts';

export interface Decided {
  state: RunState;
  events: RunEvent[];
  /** One per command, in order. */
  decisions: Decision[];
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
    const decision = decideOne(draft, command);
    settle(draft);
    return decision;
  });
  return { state: draft.state, events: draft.events, decisions };
}

function decideOne<C extends CommandType>(draft: Draft, command: { type: C } & Command): Decision {
  // The row of a command takes that command; TypeScript cannot see the correlation.
  const decider = LIFECYCLE[command.type][draft.state.status] as Decider<CommandType>;
  return decider(draft, command);
}
