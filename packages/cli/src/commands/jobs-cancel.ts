import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { printResult } from '../output.ts';
import { renderJob } from '../render/render-job.ts';

export const addJobsCancel: AddCommand = (parent, context) => {
  parent
    .command('cancel')
    .summary('stop a bulk job')
    .description('Stop a job; what it has done stays done.')
    .argument('<job>', 'job id')
    .action(async (jobId: string, _own: unknown, command: { optsWithGlobals(): GlobalOptions }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const result = await client.jobs.cancel(jobId, { signal: context.signal });
      printResult(context.terminal, options, result, () => renderJob(result.job));
    });
};
