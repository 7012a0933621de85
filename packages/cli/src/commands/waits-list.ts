import { waitKindSchema, waitStateSchema, type WaitState } from '@fermata/protocol';
import type { WaitKind } from '@fermata/sdk';
import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { countValue, wordsOf } from '../option-values.ts';
import { printPage, takePage } from '../output.ts';
import { renderWaits } from '../render/render-wait.ts';

interface Options extends GlobalOptions {
  run?: string;
  kind?: WaitKind[];
  state?: WaitState[];
  limit?: number;
  all?: boolean;
}

export const addWaitsList: AddCommand = (parent, context) => {
  const kinds = waitKindSchema.options;
  const states = waitStateSchema.options;
  parent
    .command('list')
    .summary('list what runs wait for')
    .description('List what runs need from outside, oldest first.')
    .option('--run <id>', 'only of this run')
    .option('--kind <list>', `only these: ${kinds.join(', ')}`, wordsOf(kinds))
    .option('--state <list>', `only these: ${states.join(', ')} (default open)`, wordsOf(states))
    .option('--limit <n>', 'how many, at most 100 (default 20)', countValue)
    .option('--all', 'every page')
    .action(async (_own: unknown, command: { optsWithGlobals(): Options }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const { run, kind, state, limit, all = false } = options;
      const query = { run, kind, state, limit: limit ?? (all ? 100 : undefined) };
      const page = await takePage(client.waits.list(query, { signal: context.signal }), all);
      printPage(context.terminal, options, page, renderWaits, 'Nothing waits.');
    });
};
