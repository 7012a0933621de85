import type { Client, Job } from '@fermata/sdk';
import type { GlobalOptions } from './connection.ts';
import type { CliContext } from './context.ts';
import { EXIT, type ExitCode } from './failure.ts';
import { tellReconnect } from './follow-run.ts';
import { renderJob, renderJobLine } from './render/render-job.ts';

/** Prints how a job gets on, as one JSON object a line with `--json`. The exit code says how it ended. */
export async function followJob(
  client: Client,
  jobId: string,
  options: GlobalOptions,
  context: CliContext,
): Promise<ExitCode> {
  const { terminal, signal } = context;
  let last: Job | undefined;
  for await (const job of client.jobs.watch(jobId, { signal, onReconnect: tellReconnect(context) })) {
    last = job;
    terminal.out(options.json === true ? `${JSON.stringify(job)}\n` : `${renderJobLine(job)}\n`);
  }
  if (last === undefined) return EXIT.ok;
  if (options.json !== true) {
    for (const line of renderJob(last).slice(1)) terminal.err(`${line}\n`);
  }
  return last.status === 'succeeded' ? EXIT.ok : EXIT.runFailed;
}
