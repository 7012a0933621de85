import type { JsonObject, Run } from '@fermata/protocol';
import type { CommandOptions } from '../../engine/caller.ts';
import { EngineError } from '../../engine/errors.ts';
import type { Changed } from '../../engine/facade.ts';
import { endedWord } from './encode.ts';
import { WireError } from './errors.ts';
import type { ShannonReply, ShannonRequest } from './route.ts';
import { findTask } from './task-id.ts';

export interface Control {
  verb: 'pause' | 'resume';
  /** What is refused when nothing changed. */
  unchanged: string;
  run(run: Run, options: CommandOptions): Promise<Changed>;
  message: string;
}

/**
 * Pauses or resumes a task: 202 once it is committed. What the state does not allow is 409 with Shannon's words, and
 * so is what has no effect; neither is kept for repeats.
 */
export async function controlTask(request: ShannonRequest, control: Control): Promise<ShannonReply> {
  const task = await findTask(request, request.params['id'] ?? '');
  try {
    return await request.command(
      (options) => control.run(task, options),
      ({ changed }) => {
        if (!changed) throw new WireError(409, { error: control.unchanged });
        return {
          status: 202,
          body: { success: true, message: control.message, task_id: request.params['id'] ?? '' },
        };
      },
    );
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'invalid_transition') throw error;
    throw await endedConflict(request, task.id, (run) => ({
      error: `cannot ${control.verb} ${endedWord(run) ?? 'this'} task`,
    }));
  }
}

/** The 409 of a task that has ended, told as it is now. */
export async function endedConflict(
  { engine, caller }: ShannonRequest,
  runId: string,
  body: (run: Run) => JsonObject,
): Promise<WireError> {
  return new WireError(409, body(await engine.runs.get(caller, runId)));
}
