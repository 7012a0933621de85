import type { Fragment, Sql } from './sql.ts';

/** `metadata.<name>=<value>` has no types: it matches the string, and the number or boolean of that spelling. */
export function metadataIs(sql: Sql, column: Fragment, name: string, value: string): Fragment {
  const asText = sql`${column} @> ${JSON.stringify({ [name]: value })}::jsonb`;
  const scalar = scalarOf(value);
  return scalar === null
    ? asText
    : sql`(${asText} or ${column} @> ${JSON.stringify({ [name]: scalar })}::jsonb)`;
}

function scalarOf(text: string): number | boolean | null {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?(0|[1-9]\d{0,14})(\.\d{1,10})?$/.test(text) ? Number(text) : null;
}
