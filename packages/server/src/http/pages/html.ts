/** Markup that is safe to send as it is. */
export interface Html {
  readonly markup: string;
}

type Piece = string | number | null | undefined | false | Html | readonly Html[];

/** Markup with every text in it escaped. */
export function html(strings: TemplateStringsArray, ...pieces: Piece[]): Html {
  let markup = strings[0] ?? '';
  pieces.forEach((piece, index) => {
    markup += markupOf(piece) + (strings[index + 1] ?? '');
  });
  return { markup };
}

function markupOf(piece: Piece): string {
  if (piece === null || piece === undefined || piece === false) return '';
  if (typeof piece === 'number') return String(piece);
  if (typeof piece === 'string') return escapeHtml(piece);
  if ('markup' in piece) return piece.markup;
  return piece.map((one) => one.markup).join('');
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
