import type { Run } from '@fermata/protocol';

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const PREFIX = 'exec_';

/** `exec_<uuid>`: one id for the whole life of a run. */
export function executionIdOf({ id }: Pick<Run, 'id'>): string {
  return PREFIX + id;
}

/** The run that an execution id names, with or without its prefix; null for anything else. */
export function runIdIn(executionId: string): string | null {
  const uuid = executionId.startsWith(PREFIX) ? executionId.slice(PREFIX.length) : executionId;
  return UUID.test(uuid) ? uuid.toLowerCase() : null;
}

/** Part of the ids of turns and blocks: what a widget has on its page comes from many executions. */
export function compactId({ id }: Pick<Run, 'id'>): string {
  return id.replaceAll('-', '');
}
