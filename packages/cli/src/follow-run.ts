import type { Client, Reconnect, Run, RunEvent } from '@fermata/sdk';
import type { GlobalOptions } from './connection.ts';
import type { CliContext } from './context.ts';
import { EXIT, type ExitCode } from './failure.ts';
import { EventPrinter } from './render/event-printer.ts';
import { renderRunLine } from './render/render-run.ts';

/** Tells on stderr that a stream was cut, once for each time it was open. */
export function tellReconnect(context: CliContext): (reconnect: Reconnect) => void {
  const { err, style } = context.terminal;
  return ({ attempt, cause }) => {
    if (attempt === 1) err(style.dim(`\n${cause.message} Trying again …\n`));
  };
}

/**
 * Prints a run's events as they come, as one JSON object a line with `--json`, and in the end where the run
 * stands. The exit code says how it ended.
 */
export async function followRun(
  client: Client,
  runId: string,
  events: AsyncIterable<RunEvent>,
  options: GlobalOptions,
  context: CliContext,
): Promise<ExitCode> {
  const { terminal } = context;
  if (options.json === true) {
    for await (const event of events) terminal.out(`${JSON.stringify(event)}\n`);
  } else {
    const printer = new EventPrinter(terminal.style);
    try {
      for await (const event of events) terminal.out(printer.print(event));
    } finally {
      terminal.out(printer.finish());
    }
  }
  const run = await client.runs.get(runId, { signal: context.signal });
  if (options.json !== true) terminal.err(`${renderRunLine(run, terminal.style)}\n`);
  return exitCodeOf(run);
}

function exitCodeOf(run: Run): ExitCode {
  return run.status === 'failed' || run.status === 'cancelled' ? EXIT.runFailed : EXIT.ok;
}
