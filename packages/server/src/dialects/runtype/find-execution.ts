import { isTerminal, type EventType, type Run } from '@fermata/protocol';
import type { Caller, CommandOptions } from '../../engine/caller.ts';
import { EngineError } from '../../engine/errors.ts';
import type { Engine } from '../../engine/facade.ts';
import type { OperationRequest } from '../../http/route.ts';
import { noExecution } from './errors.ts';
import { continuing, type Beginning } from './execution-stream.ts';
import { runIdIn } from './ids.ts';

export interface Asking {
  engine: Engine;
  caller: Caller;
}

/** Who answers, under the key of the request if it has one. */
export interface Answering extends Asking {
  command?: OperationRequest<unknown, unknown, unknown>['command'];
}

/** Runs the command of an answer; a repeat of the key throws `ReplayedReply`, and is answered by attaching. */
export async function keyed<T>(
  { command }: Answering,
  run: (options?: CommandOptions) => Promise<T>,
): Promise<T> {
  if (command === undefined) return run();
  const done: T[] = [];
  await command(
    async (options) => {
      const result = await run(options);
      done.push(result);
      return result;
    },
    () => ({ status: 200, body: {} }),
  );
  const [result] = done;
  if (result === undefined) throw new Error('a command has given nothing');
  return result;
}

/** The run of an execution id. Throws the 404 of this wire for what is unknown, foreign or no id at all. */
export async function findExecution({ engine, caller }: Asking, executionId: string): Promise<Run> {
  const runId = runIdIn(executionId);
  if (runId === null) throw noExecution(executionId);
  try {
    return await engine.runs.get(caller, runId);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'not_found') throw noExecution(executionId);
    throw error;
  }
}

/**
 * Where the answer to a command begins that found the run like this. Parked: behind what the log held. At work: behind
 * its last pause, since what followed was perhaps never seen. Ended: at its end.
 */
export async function beginningOf(
  asking: Asking,
  run: Run,
  restates: Beginning['restates'],
): Promise<Beginning> {
  if (isTerminal(run.status)) return continuing((await lastSeq(asking, run.id, ENDS)) - 1, 'nothing');
  if (run.status === 'waiting' || run.status === 'paused') return continuing(run.head, restates);
  // Its first event says what the execution is, and is said anew.
  return continuing(Math.max(1, await lastSeq(asking, run.id, ['run.waiting'])), restates);
}

const ENDS: EventType[] = ['run.succeeded', 'run.failed', 'run.cancelled'];

/** 0 when there is none. */
async function lastSeq({ engine, caller }: Asking, runId: string, types: EventType[]): Promise<number> {
  const { data } = await engine.events.list(caller, runId, { types, order: 'desc', limit: 1 });
  return data[0]?.seq ?? 0;
}
