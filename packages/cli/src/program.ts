import { Command, CommanderError } from 'commander';
import type { Outcome } from './command-group.ts';
import { addJobsCancel } from './commands/jobs-cancel.ts';
import { addJobsGet } from './commands/jobs-get.ts';
import { addJobsList } from './commands/jobs-list.ts';
import { addJobsStart } from './commands/jobs-start.ts';
import { addJobsWatch } from './commands/jobs-watch.ts';
import { addKeysCreate } from './commands/keys-create.ts';
import { addKeysList } from './commands/keys-list.ts';
import { addKeysRevoke } from './commands/keys-revoke.ts';
import { addMigrate } from './commands/migrate.ts';
import { addReceiptsGet } from './commands/receipts-get.ts';
import { addReceiptsVerify } from './commands/receipts-verify.ts';
import { addRunsCancel } from './commands/runs-cancel.ts';
import { addRunsList } from './commands/runs-list.ts';
import { addRunsPause } from './commands/runs-pause.ts';
import { addRunsResume } from './commands/runs-resume.ts';
import { addRunsStart } from './commands/runs-start.ts';
import { addRunsWatch } from './commands/runs-watch.ts';
import { addServe } from './commands/serve.ts';
import { addWaitsAnswer } from './commands/waits-answer.ts';
import { addWaitsApprove } from './commands/waits-approve.ts';
import { addWaitsDeny } from './commands/waits-deny.ts';
import { addWaitsList } from './commands/waits-list.ts';
import { DEFAULT_URL, serverUrl, type GlobalOptions } from './connection.ts';
import type { CliContext } from './context.ts';
import { describeFailure, EXIT, type ExitCode } from './failure.ts';

const EXIT_CODES = `
Exit codes:
  0    done
  1    the server refused, or something went wrong
  2    the command was not used rightly
  3    the server cannot be reached
  4    no key, a wrong one, or one that may not do this
  5    the run or job that was watched failed or was cancelled
  130  interrupted`;

const GROUPS = [
  [
    'runs',
    'start, watch, pause, resume and cancel runs',
    [addRunsStart, addRunsList, addRunsWatch, addRunsPause, addRunsResume, addRunsCancel],
  ],
  ['waits', 'what runs need from outside', [addWaitsList, addWaitsApprove, addWaitsDeny, addWaitsAnswer]],
  ['receipts', 'the decisions of a run, signed', [addReceiptsGet, addReceiptsVerify]],
  ['jobs', 'commands on many runs', [addJobsStart, addJobsList, addJobsGet, addJobsWatch, addJobsCancel]],
  ['keys', 'API keys', [addKeysCreate, addKeysList, addKeysRevoke]],
] as const;

/** Runs one command line (without the program's own name) and returns the exit code. Never throws. */
export async function runProgram(args: readonly string[], context: CliContext): Promise<ExitCode> {
  const outcome: Outcome = { exitCode: EXIT.ok };
  const program = buildProgram(context, outcome);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return outcome.exitCode;
  } catch (error) {
    // Commander has told the user already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (context.signal.aborted) return EXIT.interrupted;
    return report(error, program.opts<GlobalOptions>(), context);
  }
}

function buildProgram(context: CliContext, outcome: Outcome): Command {
  const { terminal } = context;
  const program = new Command('fermata')
    .description('Durable, pausable AI agent runs.')
    .option('--url <url>', `server to talk to (FERMATA_URL, default ${DEFAULT_URL})`)
    .option('--key <key>', 'API key (FERMATA_API_KEY, else <data dir>/api-key)')
    .option('--json', 'print JSON')
    .exitOverride()
    .showHelpAfterError('(--help shows how)')
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
    })
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .addHelpText('after', EXIT_CODES);
  addServe(program, context, outcome);
  addMigrate(program, context, outcome);
  for (const [name, summary, commands] of GROUPS) {
    const group = program.command(name).description(summary);
    for (const add of commands) add(group, context, outcome);
  }
  return program;
}

function report(error: unknown, options: GlobalOptions, context: CliContext): ExitCode {
  const { terminal } = context;
  const { message, exitCode } = describeFailure(error, urlForMessage(options, context));
  if (options.json === true) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    terminal.err(`${JSON.stringify({ error: { code, message } })}\n`);
  } else if (message !== '') {
    terminal.err(`${terminal.style.red('Error:')} ${message}\n`);
  }
  return exitCode;
}

function urlForMessage(options: GlobalOptions, context: CliContext): string {
  try {
    return serverUrl(options, context);
  } catch {
    return options.url ?? DEFAULT_URL;
  }
}
