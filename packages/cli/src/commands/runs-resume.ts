import { Option } from 'commander';
import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { printChanged } from '../print-changed.ts';
import { printPreview } from '../render/render-preview.ts';

interface Options extends GlobalOptions {
  reason?: string;
  hold?: string;
  message?: string;
  onWaiting?: 'queue' | 'supersede';
  model?: string;
  dryRun?: boolean;
}

export const addRunsResume: AddCommand = (parent, context) => {
  parent
    .command('resume')
    .summary('resume a paused run')
    .description('Release the holds of a run, so that it goes on where it stopped.')
    .argument('<run>', 'run id')
    .option('--reason <text>', 'why; kept in the log')
    .option('--hold <name>', 'only this hold (default: operator, provider and budget)')
    .option('--message <text>', 'a message to send with it')
    .addOption(
      new Option(
        '--on-waiting <how>',
        'with open waits: queue the message behind them, or close them',
      ).choices(['queue', 'supersede']),
    )
    .option('--model <name>', 'model from the next turn on')
    .option('--dry-run', 'only tell what would happen')
    .action(async (runId: string, _own: unknown, command: { optsWithGlobals(): Options }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const { reason, hold, message, onWaiting, model } = options;
      const messages = message === undefined ? undefined : [{ content: message }];
      const body = { reason, hold, messages, onWaiting, model };
      if (options.dryRun === true) {
        const preview = await client.runs.previewResume(runId, body, { signal: context.signal });
        printPreview(context.terminal, options, preview);
        return;
      }
      printChanged(
        context.terminal,
        options,
        await client.runs.resume(runId, body, { signal: context.signal }),
      );
    });
};
