import type { Run } from '@fermata/sdk';
import type { GlobalOptions } from './connection.ts';
import type { Terminal } from './context.ts';
import { printResult } from './output.ts';
import { renderRunLine } from './render/render-run.ts';

/** Writes what a command on a run or wait came to. */
export function printChanged(
  terminal: Terminal,
  options: GlobalOptions,
  reply: { run: Run; changed: boolean },
): void {
  printResult(terminal, options, reply, () => {
    const line = renderRunLine(reply.run, terminal.style);
    return reply.changed ? [line] : [line, terminal.style.dim('  nothing changed: it was so already')];
  });
}
