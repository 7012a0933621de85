import type { KeyReply } from '@fermata/sdk';
import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import { printPage, takePage } from '../output.ts';
import { renderAge } from '../render/age.ts';
import { renderTable } from '../render/table.ts';
import { oneLine } from '../render/visible.ts';

export const addKeysList: AddCommand = (parent, context) => {
  parent
    .command('list')
    .summary('list API keys')
    .description('List API keys, oldest first. The keys themselves are not kept.')
    .action(async (_own: unknown, command: { optsWithGlobals(): GlobalOptions }) => {
      const options = command.optsWithGlobals();
      const client = await connect(options, context);
      const page = await takePage(client.keys.list({ limit: 100 }, { signal: context.signal }), true);
      printPage(context.terminal, options, page, renderKeys, 'There are no keys.');
    });
};

function renderKeys(keys: readonly KeyReply[]): string[] {
  const rows = keys.map((key) => [
    key.id,
    key.role,
    oneLine(key.prefix, 16),
    stateOf(key),
    key.lastUsedAt === null ? 'never' : renderAge(key.lastUsedAt),
    oneLine(key.name, 40),
  ]);
  return renderTable(['KEY', 'ROLE', 'PREFIX', 'STATE', 'USED', 'NAME'], rows);
}

function stateOf(key: KeyReply): string {
  if (key.revokedAt !== null) return 'revoked';
  return key.expiresAt !== null && Date.parse(key.expiresAt) <= Date.now() ? 'expired' : 'valid';
}
