import type { Run } from '@fermata/protocol';
import type { Caller } from '../../engine/caller.ts';
import type { Engine } from '../../engine/facade.ts';
import { CodegenError } from './errors.ts';

/** The run of a session of Claude Code is found by its key: the same session is the same run. */
export function sessionKey(sessionId: string): string {
  return `codegen:session:${sessionId}`;
}

/** Throws 404 for a session that nobody has begun. */
export async function sessionRun(
  { engine, caller }: { engine: Engine; caller: Caller },
  sessionId: string,
): Promise<Run> {
  const page = await engine.runs.list(caller, { key: sessionKey(sessionId), limit: 1 });
  const [run] = page.data;
  if (run === undefined) throw new CodegenError('not_found', 'Session not found.');
  return run;
}
