import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Receipts } from '@fermata/sdk';
import type { AddCommand } from '../command-group.ts';
import type { GlobalOptions } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../failure.ts';
import { printResult } from '../output.ts';
import { verifyReceipts } from '../receipts/verify-receipts.ts';

export const addReceiptsVerify: AddCommand = (parent, context) => {
  parent
    .command('verify')
    .summary('check the receipts of a run, offline')
    .description(
      'Check hashes, order, head and signature of receipts that were saved with "receipts get". Needs no server. ' +
        'Without --key the signer is named, not checked.',
    )
    .argument('<file>', 'file with the receipts, or - for stdin')
    .option(
      '--key <public>',
      'public key that must have signed them, base64 or hex (see GET /v1/receipts/keys)',
    )
    .action(async (file: string, _own: unknown, command: { optsWithGlobals(): GlobalOptions }) => {
      const options = command.optsWithGlobals();
      const verdict = verifyReceipts(await textOf(file, context), options.key ?? null);
      if (!verdict.ok) throw new CliError(`The receipts do not hold: ${verdict.fault}.`);
      const { receipts } = verdict;
      printResult(context.terminal, options, { valid: true, ...summaryOf(receipts) }, () => [
        `The receipts hold: ${receipts.chain.length} decisions of run ${receipts.run.id}, ` +
          `signed by ${receipts.key.id}${options.key === undefined ? ' (not compared with a key of yours)' : ''}.`,
      ]);
    });
};

function summaryOf({ run, chain, head, key }: Receipts): object {
  return { runId: run.id, decisions: chain.length, head, key: key.id };
}

async function textOf(file: string, context: CliContext): Promise<string> {
  if (file === '-') return await context.readStdin();
  try {
    return await readFile(resolve(context.cwd, file), 'utf8');
  } catch {
    throw new CliError(`${file} cannot be read.`);
  }
}
