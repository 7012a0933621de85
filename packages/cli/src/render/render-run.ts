import type { Run, RunStatus } from '@fermata/sdk';
import { renderAge } from './age.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';
import { oneLine } from './visible.ts';

/** Runs as a table, one line each. */
export function renderRuns(runs: readonly Run[], now?: number): string[] {
  const rows = runs.map((run) => [
    run.id,
    run.status,
    renderAge(run.createdAt, now),
    oneLine(run.agent?.model ?? run.flow?.name ?? run.mode, 24),
    needs(run),
    oneLine(titleOf(run), 48),
  ]);
  return renderTable(['RUN', 'STATUS', 'AGE', 'MODEL', 'NEEDS', 'TITLE'], rows);
}

/** One line that says where a run stands and why. */
export function renderRunLine(run: Run, style: Style): string {
  const parts = [`run ${run.id}`, paintStatus(run.status, style)];
  if (run.error !== null) parts.push(`${oneLine(run.error.code, 60)}: ${oneLine(run.error.message, 300)}`);
  const need = needs(run);
  if (need !== '') parts.push(need);
  parts.push(style.dim(`seq ${run.head}`));
  return parts.join('  ');
}

/** The status in its colour. */
export function paintStatus(status: RunStatus, style: Style): string {
  switch (status) {
    case 'succeeded':
      return style.green(status);
    case 'failed':
    case 'cancelled':
      return style.red(status);
    case 'waiting':
    case 'paused':
    case 'pausing':
      return style.yellow(status);
    case 'queued':
    case 'running':
      return style.cyan(status);
    default:
      return status satisfies never;
  }
}

/** What the run needs from outside: names of holds, kinds of waits. */
function needs(run: Run): string {
  const holds = run.holds.map((hold) => `hold:${hold.name}`);
  const waits = run.openWaits.map((wait) => (wait.tool === null ? wait.kind : `${wait.kind}:${wait.tool}`));
  return oneLine([...holds, ...waits].join(','), 40);
}

function titleOf(run: Run): string {
  if (run.title !== null) return run.title;
  if (run.input === null) return '';
  return typeof run.input === 'string' ? run.input : JSON.stringify(run.input);
}
