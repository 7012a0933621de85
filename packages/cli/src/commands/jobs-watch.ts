import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { followJob } from '../follow-job.ts';

export const addJobsWatch: AddCommand = (parent, context, outcome) => {
  parent
    .command('watch')
    .summary('follow a bulk job')
    .description('Print how a job gets on, until it has ended.')
    .argument('<job>', 'job id')
    .action(async (jobId: string, _own: unknown, command: { optsWithGlobals(): GlobalOptions }) => {
      const options = command.optsWithGlobals();
      outcome.exitCode = await followJob(await connect(options, context), jobId, options, context);
    });
};
