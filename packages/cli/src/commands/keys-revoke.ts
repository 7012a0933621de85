import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { printResult } from '../output.ts';

export const addKeysRevoke: AddCommand = (parent, context) => {
  parent
    .command('revoke')
    .summary('revoke an API key')
    .description('Revoke an API key at once; its open streams end within 30 seconds.')
    .argument('<key>', 'key id, key_…')
    .action(async (keyId: string, _own: unknown, command: { optsWithGlobals(): GlobalOptions }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const key = await client.keys.revoke(keyId, { signal: context.signal });
      printResult(context.terminal, options, key, () => [`${key.id} is revoked`]);
    });
};
