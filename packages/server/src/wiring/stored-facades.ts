import type { Engine } from '../engine/facade.ts';
import { bulkWork } from '../jobs/bulk-task.ts';
import type { JobQueue } from '../jobs/port.ts';
import { createClients } from '../store/clients.ts';
import { createInbox } from '../store/inbox.ts';
import { createJobs } from '../store/jobs.ts';
import type { Pool } from '../store/pool.ts';
import { createRateLimiter } from '../store/rate-limits.ts';
import { createRecords } from '../store/records.ts';
import { createSchedules } from '../store/schedules.ts';
import { createSessions } from '../store/sessions.ts';
import { createUsage } from '../store/usage.ts';

/** What the store answers alone: nothing of it is a command on a run. */
export function wireStoredFacades(
  pool: Pool,
  queue: JobQueue,
  commitTime: (databaseMs: number) => number,
): Pick<Engine, 'records' | 'jobs' | 'inbox' | 'usage' | 'sessions' | 'schedules' | 'clients'> {
  return {
    records: createRecords(pool),
    jobs: createJobs(pool, (jobId) => queue.addStatement([bulkWork(jobId)])),
    inbox: createInbox(pool),
    usage: createUsage(pool),
    sessions: createSessions(pool),
    schedules: createSchedules(pool, commitTime),
    clients: createClients(pool, createRateLimiter(pool)),
  };
}
