import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';

export const addReceiptsGet: AddCommand = (parent, context) => {
  parent
    .command('get')
    .summary('print the receipts of a run')
    .description('Print the decisions of a run, hash-chained and signed, as JSON. Keep it in a file.')
    .argument('<run>', 'run id')
    .action(async (runId: string, _own: unknown, command: { optsWithGlobals(): GlobalOptions }) => {
      const client = await connect(command.optsWithGlobals(), context);
      const receipts = await client.runs.getReceipts(runId, { signal: context.signal });
      context.terminal.out(`${JSON.stringify(receipts, null, 2)}\n`);
    });
};
