import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { printResult } from '../output.ts';
import { renderJob } from '../render/render-job.ts';

export const addJobsGet: AddCommand = (parent, context) => {
  parent
    .command('get')
    .summary('show a bulk job')
    .argument('<job>', 'job id')
    .action(async (jobId: string, _own: unknown, command: { optsWithGlobals(): GlobalOptions }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const job = await client.jobs.get(jobId, { signal: context.signal });
      printResult(context.terminal, options, job, () => renderJob(job));
    });
};
