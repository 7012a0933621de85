import type { Answer, JsonObject, Wait } from '@fermata/sdk';
import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { CliError, EXIT } from '../failure.ts';
import { jsonObjectValue } from '../option-values.ts';
import { printChanged } from '../print-changed.ts';
import { printPreview } from '../render/render-preview.ts';
import { jsonLines, renderWaitCard } from '../render/render-wait.ts';

interface Options extends GlobalOptions {
  reason?: string;
  edit?: JsonObject;
  remember?: boolean;
  digest?: string;
  yes?: boolean;
  dryRun?: boolean;
}

export const addWaitsApprove: AddCommand = (parent, context) => {
  parent
    .command('approve')
    .summary('approve a tool call')
    .description(
      'Show the exact call and its digest, ask, and approve what was shown: if the call is another by then, the server refuses.',
    )
    .argument('<wait>', 'wait id')
    .option('--reason <text>', 'why; kept in the log')
    .option('--edit <json>', 'arguments in place of these, complete; the model is told', jsonObjectValue)
    .option('--remember', 'approve this tool for the rest of the run')
    .option('--digest <digest>', 'refuse unless the call has this digest')
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'only tell what would happen')
    .action(async (waitId: string, _own: unknown, command: { optsWithGlobals(): Options }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const wait = await client.waits.get(waitId, { signal: context.signal });
      if (options.dryRun === true) {
        const signal = context.signal;
        const preview = await client.waits.previewAnswer(waitId, approvalOf(wait, options), { signal });
        printPreview(context.terminal, options, preview);
        return;
      }
      await decide(wait, options, context);
      const reply = await client.waits.answer(waitId, approvalOf(wait, options), { signal: context.signal });
      printChanged(context.terminal, options, reply);
    });
};

/** Shows the call and asks. Throws when the answer is no, or nobody can be asked. */
async function decide(wait: Wait, options: Options, context: CliContext): Promise<void> {
  const { terminal, prompter } = context;
  if (wait.kind !== 'approval') {
    const how =
      wait.kind === 'run' ? 'answer the waits of its child run' : `use "fermata waits answer ${wait.id}"`;
    throw new CliError(`${wait.id} is no approval but a wait of kind ${wait.kind}: ${how}.`, EXIT.usage);
  }
  terminal.err(`${renderWaitCard(wait, terminal.style).join('\n')}\n`);
  if (options.edit !== undefined) {
    terminal.err(
      `${terminal.style.yellow('with these arguments instead')}\n${jsonLines(options.edit).join('\n')}\n`,
    );
  }
  if (options.digest !== undefined && options.digest !== wait.digest) {
    throw new CliError('The call has another digest. Nothing was approved.');
  }
  if (options.yes === true) return;
  if (!terminal.isInteractive) {
    throw new CliError('Nobody can be asked here: say --yes to approve what is shown above.', EXIT.usage);
  }
  if (!(await prompter.confirm('Approve this call?'))) throw new CliError('Nothing was approved.');
}

function approvalOf(wait: Wait, { reason, edit, remember }: Options): Answer {
  return {
    decision: 'approve',
    ...(wait.digest !== null && { digest: wait.digest }),
    ...(reason !== undefined && { reason }),
    ...(edit !== undefined && { editedArgs: edit }),
    ...(remember === true && { remember: 'run' as const }),
  };
}
