import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { countValue } from '../option-values.ts';
import { printPage, takePage } from '../output.ts';
import { renderJobs } from '../render/render-job.ts';

interface Options extends GlobalOptions {
  limit?: number;
  all?: boolean;
}

export const addJobsList: AddCommand = (parent, context) => {
  parent
    .command('list')
    .summary('list bulk jobs')
    .description('List bulk jobs, newest first.')
    .option('--limit <n>', 'how many, at most 100 (default 20)', countValue)
    .option('--all', 'every page')
    .action(async (_own: unknown, command: { optsWithGlobals(): Options }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const { limit, all = false } = options;
      const list = client.jobs.list({ limit: limit ?? (all ? 100 : undefined) }, { signal: context.signal });
      const page = await takePage(list, all);
      printPage(context.terminal, options, page, renderJobs, 'There are no jobs.');
    });
};
