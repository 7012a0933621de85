import type { Json, JsonObject } from '@fermata/sdk';
import { visible } from '../render/visible.ts';
import { faultOf, formOf, type Field } from './answer-form.ts';
import type { Choice, Prompter } from './prompter.ts';

/** Asks a person for a value of the schema: field by field where it is simple, else as JSON. */
export async function askValue(schema: JsonObject | null, prompter: Prompter): Promise<Json> {
  const fields = formOf(schema ?? { type: 'string' });
  if (fields === null) return askJson(prompter);
  const value: JsonObject = {};
  for (const field of fields) {
    const answer = await askField(field, prompter);
    if (field.name === null) return answer ?? '';
    if (answer !== undefined) value[field.name] = answer;
  }
  return value;
}

async function askJson(prompter: Prompter): Promise<Json> {
  const text = await prompter.text('Answer, as JSON', {
    validate: (typed) => (parseJson(typed) === undefined ? 'this is not JSON' : undefined),
  });
  return parseJson(text) ?? null;
}

/** Undefined leaves the member out. */
async function askField(field: Field, prompter: Prompter): Promise<Json | undefined> {
  const { kind, initial } = field;
  const label = `${visible(field.label)}${field.isRequired ? '' : ' (optional)'}`;
  switch (kind.type) {
    case 'boolean':
      return prompter.confirm(label, initial === true);
    case 'choice': {
      const none: Choice<Json | undefined>[] = field.isRequired
        ? []
        : [{ value: undefined, label: '(none)' }];
      return prompter.select<Json | undefined>(label, [...kind.values.map(choiceOf), ...none]);
    }
    case 'choices': {
      const chosen = await prompter.selectSome(label, kind.values.map(choiceOf), false);
      return chosen.length === 0 && !field.isRequired ? undefined : chosen;
    }
    case 'text':
    case 'number': {
      const text = await prompter.text(label, {
        ...(initial !== undefined && { initial: textOf(initial) }),
        validate: (typed) => faultOf(field, typed),
      });
      if (text === '' && !field.isRequired) return undefined;
      return kind.type === 'number' ? Number(text) : text;
    }
    default:
      return kind satisfies never;
  }
}

function choiceOf(value: Json): Choice<Json> {
  return { value, label: visible(textOf(value)) };
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The value of a JSON text, or undefined when it is none. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
