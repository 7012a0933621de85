import type { TranscriptCall } from '@fermata/protocol';
import type { ResolvedTool } from '../../agent/tools/resolved-tool.ts';
import type { RunState } from '../../engine/state.ts';
import { nextAct } from '../next-act.ts';

interface Calling {
  state: RunState;
  calls: ReadonlyMap<string, TranscriptCall>;
  tools: readonly Pick<ResolvedTool, 'name' | 'mustCall'>[];
}

/** The tool that the run must call before it finishes, and has not; each is asked for once, whatever comes of it. */
export function uncalledTool({ state, calls, tools }: Calling): string | null {
  const called = new Set(Array.from(calls.values(), ({ tool }) => tool));
  const uncalled = tools.find(
    ({ name, mustCall }) => mustCall && !called.has(name) && state.forced?.includes(name) !== true,
  );
  return uncalled?.name ?? null;
}

/** The tool that the model must call in the next turn: one that stands in the way of the end. */
export function forcedTool(calling: Calling): string | null {
  const { state } = calling;
  if (state.turn.phase === 'again') return state.turn.forced ?? null;
  const { kind } = nextAct(state);
  return kind === 'finish' || kind === 'step' ? uncalledTool(calling) : null;
}
