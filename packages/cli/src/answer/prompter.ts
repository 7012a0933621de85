/** A choice of a select. */
export interface Choice<T> {
  value: T;
  label: string;
  hint?: string;
}

/** Asks a person. Every method throws `CliError` when the question is cancelled. */
export interface Prompter {
  confirm(message: string, initial?: boolean): Promise<boolean>;
  /** `validate` returns what is wrong, or undefined. */
  text(
    message: string,
    options?: { initial?: string; validate?: (text: string) => string | undefined },
  ): Promise<string>;
  select<T>(message: string, choices: readonly Choice<T>[]): Promise<T>;
  selectSome<T>(message: string, choices: readonly Choice<T>[], isRequired: boolean): Promise<T[]>;
}
