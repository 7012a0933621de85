import type { CommandOf } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { agentOf } from './settle.ts';

/** Nothing is left to do: the last answer asked for no call, or the flow is at its end. */
export function canFinish(draft: Draft): boolean {
  const { status, turn, inbox, waits, flow } = draft.state;
  if (status !== 'running' || turn.phase !== 'done' || waits.length > 0) return false;
  // Messages that no step was there for stand in nobody's way.
  if (flow !== undefined) return flow.step === null && flow.next === null;
  return turn.asked === 0 && inbox.length === 0;
}

export function succeed(draft: Draft, output: CommandOf<'finish'>['output']): void {
  draft.emit({ type: 'run.succeeded', data: { by: agentOf(draft), output, summary: null } });
}
