import type { Until } from '@fermata/sdk';
import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { followRun, tellReconnect } from '../follow-run.ts';
import { seqValue } from '../option-values.ts';
import { untilOption } from './runs-start.ts';

interface Options extends GlobalOptions {
  after?: number;
  until: Until;
}

export const addRunsWatch: AddCommand = (parent, context, outcome) => {
  parent
    .command('watch')
    .summary('follow a run')
    .description('Print what a run has done and does, across every cut and restart of the server.')
    .argument('<run>', 'run id')
    .option('--after <seq>', 'only what comes after this event', seqValue)
    .addOption(untilOption())
    .action(async (runId: string, _own: unknown, command: { optsWithGlobals(): Options }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const events = client.runs.watch(runId, {
        after: options.after,
        until: options.until,
        signal: context.signal,
        onReconnect: tellReconnect(context),
      });
      outcome.exitCode = await followRun(client, runId, events, options, context);
    });
};
