import type { Page, PagedList } from '@fermata/sdk';
import type { GlobalOptions } from './connection.ts';
import type { Terminal } from './context.ts';

/** Writes a result: as JSON where `--json` is given, else as lines. */
export function printResult(
  terminal: Terminal,
  options: GlobalOptions,
  result: unknown,
  lines: () => readonly string[],
): void {
  if (options.json === true) terminal.out(`${JSON.stringify(result, null, 2)}\n`);
  else terminal.out(`${lines().join('\n')}\n`);
}

/** Writes a page of a list; a hint on stderr says when there is more. */
export function printPage<T>(
  terminal: Terminal,
  options: GlobalOptions,
  page: Page<T>,
  render: (items: readonly T[]) => readonly string[],
  nothing: string,
): void {
  if (options.json === true) {
    terminal.out(`${JSON.stringify(page, null, 2)}\n`);
    return;
  }
  if (page.data.length === 0) terminal.err(`${nothing}\n`);
  else terminal.out(`${render(page.data).join('\n')}\n`);
  if (page.nextCursor !== null) terminal.err(terminal.style.dim('There are more; see --limit and --all.\n'));
}

/** One page, or with `all` every item as one page. */
export async function takePage<T>(list: PagedList<T>, all: boolean): Promise<Page<T>> {
  if (!all) return await list;
  const data: T[] = [];
  for await (const item of list) data.push(item);
  return { data, nextCursor: null };
}
