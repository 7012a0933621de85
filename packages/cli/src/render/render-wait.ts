import type { Wait } from '@fermata/sdk';
import { renderAge } from './age.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';
import { oneLine, visible } from './visible.ts';

/** Waits as a table, one line each. */
export function renderWaits(waits: readonly Wait[], now?: number): string[] {
  const rows = waits.map((wait) => [
    wait.id,
    wait.kind,
    wait.state,
    renderAge(wait.openedAt, now),
    oneLine(wait.tool ?? '', 24),
    wait.runId,
    oneLine(wait.prompt, 60),
  ]);
  return renderTable(['WAIT', 'KIND', 'STATE', 'AGE', 'TOOL', 'RUN', 'PROMPT'], rows);
}

/** Everything that a person needs to decide: what is asked, the exact call, and its digest. */
export function renderWaitCard(wait: Wait, style: Style): string[] {
  const row = (name: string, value: string): string => `${style.dim(name.padEnd(10))}${value}`;
  const lines = [
    row('wait', `${wait.id}  ${wait.kind}, ${wait.state}, opened ${wait.openedAt}`),
    row('run', wait.runId),
    row('asks', visible(wait.prompt)),
  ];
  if (wait.tool !== null) lines.push(row('tool', style.bold(visible(wait.tool))));
  if (wait.args !== null) lines.push(row('arguments', ''), ...jsonLines(wait.args));
  if (wait.digest !== null) lines.push(row('digest', wait.digest));
  if (typeof wait.policy === 'string') lines.push(row('rule', visible(wait.policy)));
  if (wait.approvers !== null) lines.push(row('approvers', wait.approvers.map(visible).join(', ')));
  if (wait.deadlineAt !== null) lines.push(row('deadline', wait.deadlineAt));
  const { resolution } = wait;
  if (resolution !== null) {
    lines.push(row('decided', `${resolution.outcome} by ${visible(resolution.by.name)} at ${resolution.at}`));
  }
  return lines;
}

/** JSON, indented, with nothing in it that a terminal would hide. */
export function jsonLines(value: unknown): string[] {
  const text = JSON.stringify(value, null, 2) ?? 'null';
  return text.split('\n').map((line) => `  ${visible(line)}`);
}
