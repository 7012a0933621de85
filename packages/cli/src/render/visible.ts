// Control characters but tab and line break; marks that reorder or hide text.
const HIDDEN =
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u061C\u180E\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]/g;

/**
 * Text from the server so that what is seen is what it says: a terminal must not obey escape sequences of a
 * model, and an approver must not be shown arguments in another order than they have.
 */
export function visible(text: string): string {
  return text.replaceAll(
    HIDDEN,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The same in one line of at most `length` characters. */
export function oneLine(text: string, length: number): string {
  const line = visible(text.replaceAll(/\s+/g, ' ').trim());
  if (line.length <= length) return line;
  return `${[...line].slice(0, Math.max(0, length - 1)).join('')}…`;
}
