/** What keys of known providers and credentials in headers and URLs look like. */
const KEY_PATTERNS: readonly [RegExp, string][] = [
  [/\b(?:sk|pk|rk|gsk|xai|sess)[-_][A-Za-z0-9*_-]{8,}/g, '[key]'],
  [/\bAIza[A-Za-z0-9_-]{20,}/g, '[key]'],
  [/\bya29\.[A-Za-z0-9._-]{10,}/g, '[key]'],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, '$1 [key]'],
  [/([?&](?:key|api_key|apikey|token|access_token|secret)=)[^&\s"']+/gi, '$1[key]'],
  [/(https?:\/\/)[^/\s:@]+:[^/\s@]+@/gi, '$1'],
];
/** Shorter values are too likely to stand in ordinary text. */
const MIN_SECRET_LENGTH = 6;

/** Text for a log or a person: known secrets, and whatever looks like a key, are replaced. */
export function redactText(text: string, secrets: Iterable<string> = []): string {
  let out = redactValues(text, secrets);
  for (const [pattern, replacement] of KEY_PATTERNS) out = out.replace(pattern, replacement);
  return out;
}

/** Replaces the given secrets only, so that data stays what it is. */
export function redactValues(text: string, secrets: Iterable<string>): string {
  let out = text;
  for (const secret of secrets) {
    if (secret.length >= MIN_SECRET_LENGTH) out = out.replaceAll(secret, '[secret]');
  }
  return out;
}

/** A sentence bounded to `maxLength` characters, on one line. */
export function briefText(text: string, maxLength = 500): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 1).toWellFormed()}…`;
}
