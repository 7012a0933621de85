import type { Preview } from '@fermata/sdk';
import type { GlobalOptions } from '../connection.ts';
import type { Terminal } from '../context.ts';
import { printResult } from '../output.ts';
import { paintStatus } from './render-run.ts';
import { jsonLines } from './render-wait.ts';
import type { Style } from './style.ts';
import { oneLine, visible } from './visible.ts';

/** Writes what a command would bring about. */
export function printPreview(terminal: Terminal, options: GlobalOptions, preview: Preview): void {
  printResult(terminal, options, { preview }, () => renderPreview(preview, terminal.style));
}

/** A preview for a person: where the run would stand, what would be done, what to look at. */
export function renderPreview(preview: Preview, style: Style): string[] {
  const row = (name: string, value: string): string => `${style.dim(name.padEnd(10))}${value}`;
  const { status, comesTo, holds, closes, openWaits, turn, cost, error, warnings } = preview;
  const lines = [style.dim('nothing was done; this would happen:')];
  const further = comesTo === status ? '' : `, then ${paintStatus(comesTo, style)}`;
  lines.push(row('status', `${paintStatus(status, style)}${further}`), row('next', NEXT[preview.next]));
  if (error !== null) lines.push(row('error', `${error.code}: ${oneLine(error.message, 300)}`));
  for (const hold of holds)
    lines.push(row('held by', `${visible(hold.name)} ${oneLine(hold.reason ?? '', 80)}`));
  for (const { waitId, outcome } of closes) lines.push(row('closes', `${waitId}  ${outcome}`));
  for (const wait of openWaits) {
    lines.push(
      row('still open', `${wait.id}  ${wait.kind}${wait.tool === null ? '' : `  ${visible(wait.tool)}`}`),
    );
  }
  for (const runId of preview.releases) lines.push(row('releases', `run ${runId}`));
  for (const call of preview.calls) {
    const what = { request: 'calls', wait: `asks first (${call.waitKind ?? ''})`, fail: 'cannot call' };
    lines.push(row('call', `${what[call.outcome]} ${style.bold(visible(call.tool))}  ${call.callId}`));
    lines.push(...jsonLines(call.args), row('', `digest ${call.digest}`));
    if (call.idempotencyKey !== null) lines.push(row('', `key ${visible(call.idempotencyKey)}`));
    if (call.error !== null) lines.push(row('', style.red(oneLine(call.error.message, 300))));
  }
  if (turn !== null) {
    const when = turn.when === 'now' ? 'at once' : 'when the calls have their results';
    const taken = turn.messages === 0 ? '' : `, takes in ${turn.messages} message(s)`;
    lines.push(row('turn', `${turn.number} with ${visible(turn.model)} ${when}${taken}`));
  }
  if (cost !== null) {
    const price = cost.costUsd === null ? 'no price' : `about ${cost.costUsd.toFixed(4)} USD`;
    lines.push(row('cost', `about ${cost.inputTokens} tokens to read; ${price}`));
  }
  for (const { message } of warnings) lines.push(row('note', style.yellow(oneLine(message, 300))));
  return lines;
}

const NEXT: Record<Preview['next'], string> = {
  turn: 'a model turn',
  calls: 'the calls are made',
  step: 'a step of its flow ends or begins',
  in_flight: 'the step under way goes on',
  waits: 'waits for an answer',
  held: 'stays held',
  later: 'begins at its time',
  client: 'its client goes on',
  ended: 'it has ended',
};
