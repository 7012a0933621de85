import type { DriveJob, NewJob, SqlStatement } from './port.ts';

export const DRIVE_TASK = 'drive';

/** What a worker may be told not to take for now. */
export const DRIVE_FLAG = 'drive';
export const BACKGROUND_FLAG = 'background';

/** Payload of a `drive` job. */
export interface DrivePayload {
  runId: string;
  epoch: number;
  attempts: number;
}

/** Null when it is not one that this release can read. */
export function readDrivePayload(payload: unknown): DrivePayload | null {
  if (typeof payload !== 'object' || payload === null) return null;
  const { runId, epoch, attempts } = payload as Partial<Record<keyof DrivePayload, unknown>>;
  if (typeof runId !== 'string' || typeof epoch !== 'number' || typeof attempts !== 'number') return null;
  return { runId, epoch, attempts };
}

interface JobSpec {
  identifier: string;
  payload: unknown;
  run_at: string | null;
  max_attempts: number | null;
  job_key: string | null;
  priority: number | null;
  flags: string[];
}

// `add_jobs(specs job_spec[], job_key_preserve_run_at)`: one insert for all of them. With `false`, a job with the
// same key that nobody runs gets the new run-at; one that runs loses its key and is left alone, and another is
// added beside it. No lock of a worker is waited for: it holds none while its task runs.
const ADD = `select from graphile_worker.add_jobs(
  array(select json_populate_recordset(null::graphile_worker.job_spec, $1::json)), false)`;

// Where none is left, nothing is called: the call itself notifies, which would make all commits wait for one another.
function addWhere(condition: string): string {
  return `select graphile_worker.add_jobs(chosen.specs, false) from (
    select array(select json_populate_record(null::graphile_worker.job_spec, item)
      from json_array_elements($1::json) as item where ${condition}) as specs) as chosen
    where cardinality(chosen.specs) > 0`;
}

/** Jobs with the same key in one call would make the insert fail, so the last of them stands for all. */
export function statementOf(specs: readonly JobSpec[], onlyIf?: string): SqlStatement | null {
  if (specs.length === 0) return null;
  const byKey = new Map<string, JobSpec>();
  const all: JobSpec[] = [];
  for (const spec of specs) {
    if (spec.job_key === null) all.push(spec);
    else byKey.set(spec.job_key, spec);
  }
  return {
    text: onlyIf === undefined ? ADD : addWhere(onlyIf),
    values: [JSON.stringify([...all, ...byKey.values()])],
  };
}

export function driveSpec(job: DriveJob): JobSpec {
  const payload: DrivePayload = { runId: job.runId, epoch: job.epoch, attempts: job.attempts };
  return {
    identifier: DRIVE_TASK,
    payload,
    run_at: job.runAt,
    max_attempts: null,
    job_key: `drive:${job.runId}:${job.epoch}`,
    priority: null,
    flags: [DRIVE_FLAG],
  };
}

export function backgroundSpec(job: NewJob): JobSpec {
  return {
    identifier: job.task,
    payload: job.payload,
    run_at: job.runAt,
    max_attempts: job.maxAttempts ?? null,
    job_key: job.key,
    priority: job.priority ?? null,
    flags: [BACKGROUND_FLAG],
  };
}
