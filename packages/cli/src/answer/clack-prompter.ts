import { confirm, isCancel, multiselect, select, text } from '@clack/prompts';
import type { Writable } from 'node:stream';
import { CliError, EXIT } from '../failure.ts';
import type { Choice, Prompter } from './prompter.ts';

/** Questions on the terminal; `output` is stderr, so that stdout holds results alone. */
export function clackPrompter(output: Writable): Prompter {
  return {
    confirm: async (message, initial = false) =>
      taken(await confirm({ output, message, initialValue: initial })),
    text: async (message, { initial, validate } = {}) =>
      taken(
        await text({
          output,
          message,
          ...(initial !== undefined && { initialValue: initial }),
          ...(validate !== undefined && { validate: (value) => validate(value ?? '') }),
        }),
      ),
    // Values go by index: clack's own type asks for primitives, and a schema's values may be any JSON.
    select: async (message, choices) => {
      const index = taken(await select({ output, message, options: indexed(choices) }));
      return chosen(choices, index);
    },
    selectSome: async (message, choices, isRequired) => {
      const indices = taken(
        await multiselect({ output, message, options: indexed(choices), required: isRequired }),
      );
      return indices.map((index) => chosen(choices, index));
    },
  };
}

function indexed(choices: readonly Choice<unknown>[]): { value: number; label: string; hint?: string }[] {
  return choices.map(({ label, hint }, value) => ({ value, label, ...(hint !== undefined && { hint }) }));
}

function chosen<T>(choices: readonly Choice<T>[], index: number): T {
  const choice = choices[index];
  if (choice === undefined) throw new CliError('There is no such choice.');
  return choice.value;
}

function taken<T>(value: T): Exclude<T, symbol> {
  if (isCancel(value)) throw new CliError('Nothing was sent.', EXIT.interrupted);
  return value as Exclude<T, symbol>;
}
