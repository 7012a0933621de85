import type { Run } from '@fermata/protocol';
import type { Caller } from '../../engine/caller.ts';
import { EngineError } from '../../engine/errors.ts';
import type { Engine } from '../../engine/facade.ts';
import { WireError } from './errors.ts';

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const TASK_ID = /^task-[0-9a-f-]{36}-\d{1,12}-([0-9a-f]{32})$/i;
/** Stands for a creator that is no person: the server itself. */
const NIL_UUID = '00000000-0000-0000-0000-000000000000';

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** `task-<creator uuid>-<unix s>-<run id, 32 hex>`: computed from what never changes, and unique. */
export function taskIdOf(run: Pick<Run, 'id' | 'createdAt' | 'createdBy'>): string {
  const creator = isUuid(run.createdBy.id) ? run.createdBy.id : NIL_UUID;
  const seconds = Math.floor(Date.parse(run.createdAt) / 1000);
  return `task-${creator}-${seconds}-${run.id.replaceAll('-', '')}`;
}

/** The run that a task id names by its last part, or the bare UUID of a run; null for anything else. */
export function runIdIn(taskId: string): string | null {
  if (isUuid(taskId)) return taskId.toLowerCase();
  const hex = TASK_ID.exec(taskId)?.[1]?.toLowerCase();
  return hex === undefined ? null : hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The run of a task id. Throws the 404 of the tasks for what is unknown, foreign, or does not match in all parts. */
export async function findTask(
  { engine, caller }: { engine: Engine; caller: Caller },
  taskId: string,
): Promise<Run> {
  const runId = runIdIn(taskId);
  if (runId === null) throw taskNotFound();
  const run = await found(engine.runs.get(caller, runId), taskNotFound);
  if (!isUuid(taskId) && taskIdOf(run) !== taskId.toLowerCase()) throw taskNotFound();
  return run;
}

function taskNotFound(): WireError {
  return new WireError(404, { error: 'Task not found' });
}

/** What is looked up, or the resource's own 404. */
export async function found<T>(lookup: Promise<T>, notFound: () => WireError): Promise<T> {
  try {
    return await lookup;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'not_found') throw notFound();
    throw error;
  }
}
