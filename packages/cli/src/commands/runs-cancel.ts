import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { printChanged } from '../print-changed.ts';

interface Options extends GlobalOptions {
  reason?: string;
}

export const addRunsCancel: AddCommand = (parent, context) => {
  parent
    .command('cancel')
    .summary('cancel a run')
    .description('End a run for good; its log stays.')
    .argument('<run>', 'run id')
    .option('--reason <text>', 'why; kept in the log')
    .action(async (runId: string, _own: unknown, command: { optsWithGlobals(): Options }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const { reason } = options;
      printChanged(
        context.terminal,
        options,
        await client.runs.cancel(runId, { reason }, { signal: context.signal }),
      );
    });
};
