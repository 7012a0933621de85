import type { Answer, Json, Wait } from '@fermata/sdk';
import { Option } from 'commander';
import { askValue } from '../answer/ask-value.ts';
import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { CliError, EXIT } from '../failure.ts';
import { jsonValue } from '../option-values.ts';
import { printChanged } from '../print-changed.ts';
import { printPreview } from '../render/render-preview.ts';
import { renderWaitCard } from '../render/render-wait.ts';

type Outcome = 'done' | 'retry' | 'skip';

interface Options extends GlobalOptions {
  value?: Json;
  error?: string;
  outcome?: Outcome;
  reason?: string;
  dryRun?: boolean;
}

export const addWaitsAnswer: AddCommand = (parent, context) => {
  parent
    .command('answer')
    .summary('answer a question, or give what a run waits for')
    .description(
      'Give a run what it waits for: the answer to a question, the output of a client tool, the end of a timer, or what became of a call in doubt. Without options you are asked, by the JSON Schema of the answer.',
    )
    .argument('<wait>', 'wait id')
    .option('--value <json>', 'the answer, or the output of the tool, as JSON', jsonValue)
    .option('--error <text>', 'the client tool failed, with this message')
    .addOption(
      new Option(
        '--outcome <what>',
        'of a call in doubt: it happened, do it again, or go on without',
      ).choices(['done', 'retry', 'skip']),
    )
    .option('--reason <text>', 'why; kept in the log')
    .option('--dry-run', 'only tell what would happen')
    .action(async (waitId: string, _own: unknown, command: { optsWithGlobals(): Options }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const wait = await client.waits.get(waitId, { signal: context.signal });
      const answer = await answerOf(wait, options, context);
      const { reason } = options;
      const body = { ...answer, ...(reason !== undefined && { reason }) };
      if (options.dryRun === true) {
        const preview = await client.waits.previewAnswer(waitId, body, { signal: context.signal });
        printPreview(context.terminal, options, preview);
        return;
      }
      printChanged(
        context.terminal,
        options,
        await client.waits.answer(waitId, body, { signal: context.signal }),
      );
    });
};

async function answerOf(wait: Wait, options: Options, context: CliContext): Promise<Answer> {
  switch (wait.kind) {
    case 'input':
      return { value: options.value ?? (await ask(wait, context, 'value')) };
    case 'tool_output':
      if (options.error !== undefined) return { error: options.error };
      return { output: options.value ?? (await ask(wait, context, 'value')) };
    case 'timer':
      return { outcome: 'fire' };
    case 'in_doubt': {
      const outcome = options.outcome ?? (await askOutcome(wait, context));
      return { outcome, ...(options.value !== undefined && { output: options.value }) };
    }
    case 'approval':
      throw new CliError(
        `${wait.id} is an approval: use "fermata waits approve ${wait.id}" or "fermata waits deny ${wait.id}".`,
        EXIT.usage,
      );
    case 'run':
      throw new CliError(`${wait.id} waits for a child run: answer the waits of that run.`, EXIT.usage);
    default:
      return wait.kind satisfies never;
  }
}

async function ask(wait: Wait, context: CliContext, option: string): Promise<Json> {
  show(wait, context, option);
  return askValue(wait.schema, context.prompter);
}

async function askOutcome(wait: Wait, context: CliContext): Promise<Outcome> {
  show(wait, context, 'outcome');
  return context.prompter.select<Outcome>('What became of the call?', [
    { value: 'done', label: 'It happened', hint: 'give its result with --value' },
    { value: 'retry', label: 'Do it again', hint: 'under the same idempotency key' },
    { value: 'skip', label: 'Go on without it' },
  ]);
}

function show(wait: Wait, { terminal }: CliContext, option: string): void {
  if (!terminal.isInteractive) {
    throw new CliError(`Nobody can be asked here: give the answer with --${option}.`, EXIT.usage);
  }
  terminal.err(`${renderWaitCard(wait, terminal.style).join('\n')}\n`);
}
