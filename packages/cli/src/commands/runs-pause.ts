import { Option } from 'commander';
import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { printChanged } from '../print-changed.ts';

interface Options extends GlobalOptions {
  reason?: string;
  hold?: string;
  at?: 'checkpoint' | 'now';
  tree?: boolean;
}

export const addRunsPause: AddCommand = (parent, context) => {
  parent
    .command('pause')
    .summary('pause a run')
    .description('Pause a run: nothing is lost, and a paused run costs nothing.')
    .argument('<run>', 'run id')
    .option('--reason <text>', 'why; kept in the log')
    .option('--hold <name>', 'name of the hold (default "operator")')
    .addOption(
      new Option('--at <when>', 'checkpoint: the step in flight is finished. now: it is aborted').choices([
        'checkpoint',
        'now',
      ]),
    )
    .option('--no-tree', 'leave the child runs alone')
    .action(async (runId: string, _own: unknown, command: { optsWithGlobals(): Options }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const { reason, hold, at } = options;
      const tree = options.tree === false ? { tree: false } : {};
      printChanged(
        context.terminal,
        options,
        await client.runs.pause(runId, { reason, hold, at, ...tree }, { signal: context.signal }),
      );
    });
};
