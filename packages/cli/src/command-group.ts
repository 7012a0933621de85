import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import type { ExitCode } from './failure.ts';

/** Where a command leaves its exit code; commander's actions return nothing. */
export interface Outcome {
  exitCode: ExitCode;
}

/** Adds one command below `parent`. */
export type AddCommand = (parent: Command, context: CliContext, outcome: Outcome) => void;
