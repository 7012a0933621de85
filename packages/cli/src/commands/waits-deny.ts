import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { printChanged } from '../print-changed.ts';
import { renderWaitCard } from '../render/render-wait.ts';

interface Options extends GlobalOptions {
  reason?: string;
}

export const addWaitsDeny: AddCommand = (parent, context) => {
  parent
    .command('deny')
    .summary('deny a tool call')
    .description('Deny a tool call; the model is told the reason and goes on.')
    .argument('<wait>', 'wait id')
    .option('--reason <text>', 'why; the model sees it')
    .action(async (waitId: string, _own: unknown, command: { optsWithGlobals(): Options }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const wait = await client.waits.get(waitId, { signal: context.signal });
      context.terminal.err(`${renderWaitCard(wait, context.terminal.style).join('\n')}\n`);
      const body = {
        decision: 'deny' as const,
        ...(wait.digest !== null && { digest: wait.digest }),
        ...(options.reason !== undefined && { reason: options.reason }),
      };
      printChanged(
        context.terminal,
        options,
        await client.waits.answer(waitId, body, { signal: context.signal }),
      );
    });
};
