import { Option, type Command } from 'commander';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome } from '../command-group.ts';
import type { CliContext } from '../context.ts';
import { CliError, EXIT, type ExitCode } from '../failure.ts';

interface Options {
  port?: string;
  host?: string;
  dataDir?: string;
  root?: string;
}

/** Starts the server in the foreground; the options are the environment variables of the same meaning. */
export function addServe(parent: Command, context: CliContext, outcome: Outcome): void {
  parent
    .command('serve')
    .summary('start the server')
    .description(
      'Start the server and stay until it ends. Everything else is set by environment variables: docs/config.md.',
    )
    .option('-p, --port <port>', 'port to listen on (PORT, default 7700)')
    .option('--host <address>', 'address to listen on (HOST, default 127.0.0.1)')
    .option('--data-dir <folder>', 'data folder (FERMATA_DATA_DIR, default .fermata)')
    .addOption(
      new Option('--root <face>', 'face to mount at / too').choices([
        'telnyx',
        'codegen',
        'runtype',
        'shannon',
      ]),
    )
    .action(async (options: Options) => {
      const args = options.root === undefined ? [] : ['--root', options.root];
      outcome.exitCode = await runServer(args, settings(options), context);
    });
}

function settings({ port, host, dataDir }: Options): Record<string, string> {
  return {
    ...(port !== undefined && { PORT: port }),
    ...(host !== undefined && { HOST: host }),
    ...(dataDir !== undefined && { FERMATA_DATA_DIR: dataDir }),
  };
}

/** Runs the server's program to its end. Its exit code becomes ours: 0, or 1 for everything else. */
export async function runServer(
  args: readonly string[],
  more: Readonly<Record<string, string>>,
  context: CliContext,
): Promise<ExitCode> {
  const program = join(context.root, 'packages', 'server', 'dist', 'main.js');
  if (!existsSync(program)) {
    throw new CliError(`The server is not built yet (${program}). Build it with: npm run build`);
  }
  const settingsFile = join(context.root, '.env');
  const node = ['--enable-source-maps', ...(existsSync(settingsFile) ? [`--env-file=${settingsFile}`] : [])];
  const code = await context.spawn(process.execPath, [...node, program, ...args], {
    ...context.env,
    ...more,
  });
  return code === 0 ? EXIT.ok : EXIT.failed;
}
