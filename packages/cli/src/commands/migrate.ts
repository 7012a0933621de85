import type { Command } from 'commander';
import type { Outcome } from '../command-group.ts';
import type { CliContext } from '../context.ts';
import { runServer } from './serve.ts';

/** Brings the database up to date and ends. The server does so at its start as well. */
export function addMigrate(parent: Command, context: CliContext, outcome: Outcome): void {
  parent
    .command('migrate')
    .summary('bring the database up to date')
    .description(
      'Bring the database (DATABASE_URL, else the embedded one) up to date and end. The server does the same at its start; use this to do it beforehand.',
    )
    .action(async () => {
      outcome.exitCode = await runServer(['migrate'], {}, context);
    });
}
