import { isTerminal, type EventType, type Run } from '@fermata/protocol';
import type { Caller } from '../../engine/caller.ts';
import { EngineError } from '../../engine/errors.ts';
import type { Engine } from '../../engine/facade.ts';
import { noExecution } from './errors.ts';
import { continuing, type Beginning } from './execution-stream.ts';
import { runIdIn } from './ids.ts';

export interface Asking {
  engine: Engine;
  caller: Caller;
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
  return continuing(await lastSeq(asking, run.id, ['run.waiting']), restates);
}

const ENDS: EventType[] = ['run.succeeded', 'run.failed', 'run.cancelled'];

/** 0 when there is none. */
async function lastSeq({ engine, caller }: Asking, runId: string, types: EventType[]): Promise<number> {
  const { data } = await engine.events.list(caller, runId, { types, order: 'desc', limit: 1 });
  return data[0]?.seq ?? 0;
}
