import { roleSchema, type Role } from '@fermata/protocol';
import { Option } from 'commander';
import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { printResult } from '../output.ts';

interface Options extends GlobalOptions {
  role: Role;
  principal?: string;
  expiresAt?: string;
}

export const addKeysCreate: AddCommand = (parent, context) => {
  parent
    .command('create')
    .summary('make an API key')
    .description('Make an API key. It is shown this once.')
    .argument('<name>', 'what the key is for')
    .addOption(
      new Option('--role <role>', 'what it may do; each includes the ones before it')
        .choices(roleSchema.options)
        .default('operator'),
    )
    .option('--principal <id>', 'whose key it is (default: your own)')
    .option('--expires-at <time>', 'when it stops working, such as 2027-01-31T00:00:00Z')
    .action(async (name: string, _own: unknown, command: { optsWithGlobals(): Options }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const { role, principal, expiresAt } = options;
      const key = await client.keys.create(
        { name, role, principalId: principal, expiresAt },
        { signal: context.signal },
      );
      // The key alone on stdout, so that it can be piped.
      if (options.json !== true) {
        context.terminal.err(`${key.id}  ${key.role}  "${key.name}": keep it, it is not shown again\n`);
      }
      printResult(context.terminal, options, key, () => [key.secret ?? '(the secret was shown before)']);
    });
};
