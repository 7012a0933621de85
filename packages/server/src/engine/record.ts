import type { EventOf, Json, JsonObject, RunError, RunEvent } from '@fermata/protocol';

/** The wide part of a run that its log changes after its creation. */
export interface RunRecord {
  title: string | null;
  metadata: JsonObject;
  output: Json | null;
  summary: string | null;
  error: RunError | null;
  endedBy: { actor: EventOf<'run.cancelled'>['data']['by']; reason: string | null } | null;
}

export const EMPTY_RECORD: RunRecord = {
  title: null,
  metadata: {},
  output: null,
  summary: null,
  error: null,
  endedBy: null,
};

/** The error of a failure that was reported without one. */
export const UNEXPLAINED_FAILURE: RunError = { code: 'reported', message: 'the client reported a failure' };

/** One event onto the wide part: what changes, or null. The twin of `apply` for the narrow part (I2). */
export function recordPatch(record: Pick<RunRecord, 'metadata'>, event: RunEvent): Partial<RunRecord> | null {
  switch (event.type) {
    case 'run.created':
      return { title: event.data.title, metadata: event.data.metadata };
    case 'run.updated': {
      const { title, metadata, output, summary, error } = event.data;
      const patch: Partial<RunRecord> = {
        ...(title === undefined ? {} : { title }),
        ...(metadata === undefined ? {} : { metadata: mergeByKey(record.metadata, metadata) }),
        ...(output === undefined ? {} : { output }),
        ...(summary === undefined ? {} : { summary }),
        ...(error === undefined ? {} : { error }),
      };
      return Object.keys(patch).length === 0 ? null : patch;
    }
    case 'run.succeeded': {
      const { output, summary, by } = event.data;
      return { ...given({ output, summary }), endedBy: { actor: by, reason: null } };
    }
    case 'run.failed': {
      const { output, summary, error, by } = event.data;
      return { ...given({ output, summary }), error, endedBy: { actor: by, reason: error.message } };
    }
    case 'run.cancelled':
      return { endedBy: { actor: event.data.by, reason: event.data.reason } };
    case 'run.reopened':
      return { output: null, summary: null, error: null, endedBy: null };
    default:
      return null;
  }
}

/** An end that names no output keeps what was reported before. */
function given(fields: Pick<RunRecord, 'output' | 'summary'>): Partial<RunRecord> {
  return {
    ...(fields.output === null ? {} : { output: fields.output }),
    ...(fields.summary === null ? {} : { summary: fields.summary }),
  };
}

/** RFC 7396 by key: null removes. */
export function mergeByKey(target: JsonObject, patch: JsonObject): JsonObject {
  const merged: JsonObject = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else Object.defineProperty(merged, key, { value, enumerable: true, writable: true, configurable: true });
  }
  return merged;
}
