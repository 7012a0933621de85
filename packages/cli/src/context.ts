import type { Fetch } from '@fermata/sdk';
import type { Prompter } from './answer/prompter.ts';
import type { Environment } from './env.ts';
import type { Style } from './render/style.ts';

/** Where text goes, and what kind of place that is. */
export interface Terminal {
  /** Results; as they are, without a line break added. */
  out(text: string): void;
  /** Everything beside the results. */
  err(text: string): void;
  /** A person can be asked. */
  isInteractive: boolean;
  columns: number;
  style: Style;
}

/** What a command may use of the world. */
export interface CliContext {
  env: Environment;
  /** Working directory. */
  cwd: string;
  terminal: Terminal;
  prompter: Prompter;
  /** Aborts when the user interrupts. */
  signal: AbortSignal;
  /** Root of the installation, where packages/server is. */
  root: string;
  readStdin(): Promise<string>;
  /** Runs a program to its end with our terminal as its own; resolves with its exit code. */
  spawn(file: string, args: readonly string[], env: Environment): Promise<number>;
  fetch?: Fetch | undefined;
}
