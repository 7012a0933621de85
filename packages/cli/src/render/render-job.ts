import type { Job } from '@fermata/sdk';
import { renderAge } from './age.ts';
import { renderTable } from './table.ts';
import { oneLine } from './visible.ts';

/** Jobs as a table, one line each. */
export function renderJobs(jobs: readonly Job[], now?: number): string[] {
  const rows = jobs.map((job) => [
    job.id,
    job.action,
    job.status,
    `${job.done}/${job.total}`,
    String(job.failed),
    renderAge(job.createdAt, now),
    oneLine(job.reason ?? '', 48),
  ]);
  return renderTable(['JOB', 'ACTION', 'STATUS', 'DONE', 'FAILED', 'AGE', 'REASON'], rows);
}

/** One line that says how far a job is. */
export function renderJobLine(job: Job): string {
  const counts = `${job.changed} changed, ${job.skipped} skipped, ${job.failed} failed`;
  return `${job.id}  ${job.action}  ${job.status}  ${job.done} of ${job.total}: ${counts}`;
}

/** The job, and below it the first refusals. */
export function renderJob(job: Job): string[] {
  const errors = job.errors.map(
    ({ runId, code, message }) => `  ${runId}  ${oneLine(code, 60)}: ${oneLine(message, 200)}`,
  );
  return [renderJobLine(job), ...errors];
}
