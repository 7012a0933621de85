import { FermataError } from '@fermata/sdk';

/** What the exit code of the process says. */
export const EXIT = {
  ok: 0,
  /** The server refused, or something went wrong. */
  failed: 1,
  /** The command was not used rightly. */
  usage: 2,
  unreachable: 3,
  /** No key, a wrong one, or one that may not do this. */
  denied: 4,
  /** The run or job that was watched failed or was cancelled. */
  runFailed: 5,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure that the command itself found; its message is for the user. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = EXIT.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

export interface Failure {
  /** Empty: nothing is left to be said. */
  message: string;
  exitCode: ExitCode;
}

/** What to tell the user of a thrown value, and the exit code. Never a stack. */
export function describeFailure(error: unknown, url: string): Failure {
  if (error instanceof CliError) return { message: error.message, exitCode: error.exitCode };
  if (error instanceof FermataError) return describeFermataError(error, url);
  const message = error instanceof Error ? error.message : String(error);
  return { message: `Unexpected: ${message}`, exitCode: EXIT.failed };
}

function describeFermataError(error: FermataError, url: string): Failure {
  switch (error.code) {
    case 'network_error':
      return {
        message: isRefused(error)
          ? `No server listens at ${url}.\nStart one with "npm start" or "fermata serve", or name another with --url.`
          : error.message,
        exitCode: EXIT.unreachable,
      };
    case 'timed_out':
    case 'unavailable':
      return { message: error.message, exitCode: EXIT.unreachable };
    case 'unauthenticated':
      return {
        message: `${error.message}\nGive a key with --key or FERMATA_API_KEY; the server keeps its first one in <data dir>/api-key.`,
        exitCode: EXIT.denied,
      };
    case 'forbidden':
      return { message: error.message, exitCode: EXIT.denied };
    case 'invalid_reply':
      return { message: `${error.message}\nIs ${url} a Fermata server?`, exitCode: EXIT.failed };
    default:
      return { message: refusal(error), exitCode: EXIT.failed };
  }
}

function refusal(error: FermataError): string {
  const { winner, errors = [], currentStatus, holds = [], openWaits = [] } = error.details;
  const lines = [`${error.message} (${error.code})`];
  if (errors.length > 1) lines.push(...errors.map(({ path, message }) => `  ${path}: ${message}`));
  if (winner !== undefined) lines.push(`  ${winner.outcome} by ${winner.by.name} at ${winner.at}`);
  if (currentStatus !== undefined) lines.push(`  The run is ${currentStatus}.`);
  for (const hold of holds) lines.push(`  hold ${hold.name} by ${hold.by.name} since ${hold.since}`);
  for (const wait of openWaits) lines.push(`  open wait ${wait.id} (${wait.kind})`);
  if (error.status !== null && error.status >= 500 && error.requestId !== null) {
    lines.push(`  request ${error.requestId}, see the server's log`);
  }
  return lines.join('\n');
}

function isRefused(error: unknown): boolean {
  let found: unknown = error;
  for (let depth = 0; depth < 6 && found instanceof Error; depth += 1) {
    if ('code' in found && found.code === 'ECONNREFUSED') return true;
    found = found instanceof AggregateError ? found.errors[0] : found.cause;
  }
  return false;
}
