import { RUN_STATUSES, jobActionSchema } from '@fermata/protocol';
import type { JobAction, RunStatus } from '@fermata/sdk';
import { Argument, InvalidArgumentError } from 'commander';
import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { CliError, EXIT } from '../failure.ts';
import { wordsOf } from '../option-values.ts';
import { printResult } from '../output.ts';
import { followJob } from '../follow-job.ts';
import { renderJob } from '../render/render-job.ts';
import { oneLine } from '../render/visible.ts';

interface Options extends GlobalOptions {
  status?: RunStatus[];
  held?: string[];
  agent?: string[];
  q?: string;
  id?: string[];
  every?: boolean;
  hold?: string;
  reason?: string;
  rate?: number;
  stopOnErrors?: number;
  dryRun?: boolean;
  watch?: boolean;
}

export const addJobsStart: AddCommand = (parent, context, outcome) => {
  parent
    .command('start')
    .summary('give many runs a command')
    .description('Pause, resume, cancel or retry many runs, by filter or by id.')
    .addArgument(new Argument('<action>', 'the command').choices(jobActionSchema.options))
    .option('--status <list>', `runs that are: ${RUN_STATUSES.join(', ')}`, wordsOf(RUN_STATUSES))
    .option('--held <names>', 'runs that are held by one of these', commaList)
    .option('--agent <ids>', 'runs of these agents', commaList)
    .option('--q <text>', 'runs whose title or input has this text')
    .option('--every', 'every run')
    .option('--id <ids>', 'these runs', commaList)
    .option('--hold <name>', 'pause: the hold that is placed; resume: the one that is released')
    .option('--reason <text>', 'why; kept in the logs')
    .option('--rate <n>', 'at most so many a second', positive)
    .option('--stop-on-errors <share>', 'stop when more than this share has refused, as 0.1', positive)
    .option('--dry-run', 'only say for which runs it would be made')
    .option('--watch', 'follow it to its end')
    .action(async (action: JobAction, _own: unknown, command: { optsWithGlobals(): Options }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const { hold, reason, rate, stopOnErrors } = options;
      const body = {
        action,
        ...selectionOf(options),
        hold,
        reason,
        ratePerSecond: rate,
        stopOnErrorShare: stopOnErrors,
      };
      const { terminal, signal } = context;
      if (options.dryRun === true) {
        const preview = await client.jobs.preview(body, { signal });
        printResult(terminal, options, preview, () => [
          `${preview.total} runs`,
          ...preview.sample.map((run) => `  ${run.id}  ${run.status}  ${oneLine(run.title ?? '', 60)}`),
        ]);
        return;
      }
      const job = await client.jobs.create(body, { signal });
      if (options.watch === true) outcome.exitCode = await followJob(client, job.id, options, context);
      else printResult(terminal, options, job, () => renderJob(job));
    });
};

function selectionOf(options: Options): { ids: string[] } | { filter: object } {
  const { id, status, held, agent, q, every = false } = options;
  const filter = Object.fromEntries(
    Object.entries({ status, hold: held, agent, q }).filter(([, value]) => value !== undefined),
  );
  const isFiltered = Object.keys(filter).length > 0;
  if ([id !== undefined, isFiltered, every].filter(Boolean).length !== 1) {
    throw new CliError('Say which runs: by filters, by --id, or --every.', EXIT.usage);
  }
  return id === undefined ? { filter } : { ids: id };
}

function commaList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function positive(text: string): number {
  const value = Number(text);
  if (text !== '' && value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}
