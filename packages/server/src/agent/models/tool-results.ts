import { isJsonObject, type Json, type TranscriptCall } from '@fermata/protocol';

/** What a model is told about a call. */
export interface ToolResultText {
  isError: boolean;
  text: string;
}

const MAX_CHANGES = 20;
const MAX_VALUE_LENGTH = 300;

/** The result of a call in words for the model: every state has one, so that a transcript is always complete. */
export function toolResultText(call: TranscriptCall): ToolResultText {
  switch (call.state) {
    case 'completed':
      return { isError: false, text: editNote(call) + outputText(call.output) };
    case 'failed':
      return { isError: true, text: editNote(call) + errorText(call) };
    case 'denied':
      return { isError: true, text: deniedText(call) };
    case 'running':
    case 'in_doubt':
      return {
        isError: true,
        text: 'The call was interrupted. It may have been executed; its result is not known.',
      };
    case 'ready':
    case 'waiting':
      return { isError: true, text: 'The call has not been executed.' };
    default:
      return call.state satisfies never;
  }
}

/** What an approver changed: `/amount: 100 → 50`, as JSON pointers, at most 20. */
export function describeEdits(before: Json, after: Json): string[] {
  const changes: string[] = [];
  compare('', before, after, changes);
  return changes.length <= MAX_CHANGES
    ? changes
    : [...changes.slice(0, MAX_CHANGES), `and ${changes.length - MAX_CHANGES} more`];
}

function editNote(call: TranscriptCall): string {
  if (call.editedArgs === null) return '';
  const changes = describeEdits(call.args, call.editedArgs);
  if (changes.length === 0) return '';
  return [
    'Note: the approver changed the arguments of this call before it was executed.',
    `Changed: ${changes.join('; ')}.`,
    `It was executed with: ${brief(call.editedArgs, 2_000)}`,
    '',
    'Result: ',
  ].join('\n');
}

function outputText(output: Json): string {
  if (typeof output === 'string') return output === '' ? '(no output)' : output;
  return output === null ? '(no output)' : JSON.stringify(output);
}

function errorText(call: TranscriptCall): string {
  return call.error === null ? 'The call failed.' : `Error (${call.error.code}): ${call.error.message}`;
}

/** The code is the outcome of `tool.denied`; only a call that somebody denied is called so. */
function deniedText(call: TranscriptCall): string {
  const { code, message } = call.error ?? { code: 'denied', message: '' };
  const reason = message === '' || message === code ? null : message;
  switch (code) {
    case 'expired':
      return 'The call has not been executed: nobody answered in time.';
    case 'interrupted':
      return `The call was not finished: ${reason ?? 'it was interrupted, and may have been executed'}.`;
    case 'superseded':
    case 'cancelled':
      return `The call has not been executed: ${(reason ?? code).replace(/^not executed: /, '')}.`;
    default:
      return `The call was denied and has not been executed. Reason: ${reason ?? 'none was given'}`;
  }
}

function compare(path: string, before: Json | undefined, after: Json | undefined, changes: string[]): void {
  if (before === after || changes.length > MAX_CHANGES * 5) return;
  if (isJsonObject(before) && isJsonObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const child = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      compare(child, own(before, key), own(after, key), changes);
    }
    return;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index += 1) {
      compare(`${path}/${index}`, before[index], after[index], changes);
    }
    return;
  }
  const name = path === '' ? 'the arguments' : path;
  if (before === undefined) changes.push(`${name} added: ${brief(after ?? null)}`);
  else if (after === undefined) changes.push(`${name} removed (was ${brief(before)})`);
  else if (JSON.stringify(before) !== JSON.stringify(after))
    changes.push(`${name}: ${brief(before)} → ${brief(after)}`);
}

function own(value: { [key: string]: Json }, key: string): Json | undefined {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

function brief(value: Json, maxLength = MAX_VALUE_LENGTH): string {
  const text = JSON.stringify(value);
  return text.length <= maxLength ? text : `${text.slice(0, maxLength).toWellFormed()}…`;
}
