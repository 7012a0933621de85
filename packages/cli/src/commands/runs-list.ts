import { RUN_STATUSES } from '@fermata/protocol';
import type { RunStatus } from '@fermata/sdk';
import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { countValue, wordsOf } from '../option-values.ts';
import { printPage, takePage } from '../output.ts';
import { renderRuns } from '../render/render-run.ts';

interface Options extends GlobalOptions {
  status?: RunStatus[];
  q?: string;
  limit?: number;
  all?: boolean;
}

export const addRunsList: AddCommand = (parent, context) => {
  parent
    .command('list')
    .summary('list runs')
    .description('List runs, newest first.')
    .option('--status <list>', `only these: ${RUN_STATUSES.join(', ')}`, wordsOf(RUN_STATUSES))
    .option('--q <text>', 'only those whose title or input has this text')
    .option('--limit <n>', 'how many, at most 100 (default 20)', countValue)
    .option('--all', 'every page')
    .action(async (_own: unknown, command: { optsWithGlobals(): Options }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const { status, q, limit, all = false } = options;
      const list = client.runs.list(
        { status, q, limit: limit ?? (all ? 100 : undefined) },
        { signal: context.signal },
      );
      const page = await takePage(list, all);
      printPage(context.terminal, options, page, renderRuns, 'There are no such runs.');
    });
};
