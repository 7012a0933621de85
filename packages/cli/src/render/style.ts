/** Emphasis for a terminal; a plain one leaves text as it is. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

/** @param isColored false for pipes and files, and where NO_COLOR is set */
export function createStyle(isColored: boolean): Style {
  const paint =
    (open: number, close: number) =>
    (text: string): string =>
      isColored && text !== '' ? `\u001B[${open}m${text}\u001B[${close}m` : text;
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
  };
}
