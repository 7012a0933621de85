import { Logger as WorkerLogger } from 'graphile-worker';
import type { Logger } from '../observe/log.ts';

/**
 * Graphile Worker's log in ours. Its notices of every start and success are debug; its `meta` is left out, since
 * it may hold a job's payload or a client.
 */
export function workerLogger(logger: Logger): WorkerLogger {
  return new WorkerLogger((scope) => (level, message, meta) => {
    const fields = {
      ...(scope.taskIdentifier === undefined ? {} : { task: scope.taskIdentifier }),
      ...(scope.jobId === undefined ? {} : { jobId: scope.jobId }),
      ...(meta?.['error'] instanceof Error ? { err: meta['error'] } : {}),
    };
    switch (String(level)) {
      case 'error':
        logger.error(fields, message);
        break;
      case 'warning':
        // Workers need a session only between two tasks, so there are fewer sessions than workers.
        logger[message.includes('maxPoolSize') ? 'debug' : 'warn'](fields, message);
        break;
      default:
        logger.debug(fields, message);
    }
  });
}
