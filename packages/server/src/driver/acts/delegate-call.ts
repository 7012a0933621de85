import type { ResolvedTool } from '../../agent/tools/resolved-tool.ts';
import type { Command } from '../../engine/commands.ts';
import { EngineError } from '../../engine/errors.ts';
import type { RunDefinition } from '../../engine/ports.ts';
import type { RunState } from '../../engine/state.ts';
import type { SegmentDeps } from '../segment-ports.ts';
import { childWait, type ExactCall } from '../waits.ts';

/** The run that delegates, and when. */
export interface Delegating {
  newChildRun: SegmentDeps['newChildRun'];
  state: RunState;
  definition: RunDefinition;
  nowMs: number;
}

/** The command that starts the child run of a call of `delegate` or of a tool of type run, or that tells the model why there is none. */
export async function delegateCommand(
  { newChildRun, state, definition, nowMs }: Delegating,
  call: ExactCall,
  tool: ResolvedTool,
): Promise<Command> {
  const wait = childWait(call, tool, nowMs);
  try {
    const child = await newChildRun({
      state,
      definition,
      run: tool.target.kind === 'run' ? tool.target.run : null,
      callId: call.callId,
      waitId: wait.id,
      args: call.args,
      now: new Date(nowMs).toISOString(),
    });
    return { type: 'delegate', wait: { ...wait, childRunId: child.runId }, child };
  } catch (error) {
    if (!(error instanceof EngineError) || error.code === 'unavailable') throw error;
    return { type: 'failCall', callId: call.callId, error: { code: 'tool_failed', message: error.message } };
  }
}
