/**
 * The URL as it is routed: repeated and trailing slashes of the path are folded, and a path that cannot be
 * decoded is taken literally, so that it names nothing instead of breaking the router. The query is untouched.
 */
export function foldUrl(url: string): string {
  const end = url.search(/[?#]/);
  const path = end === -1 ? url : url.slice(0, end);
  const rest = end === -1 ? '' : url.slice(end);
  const origin = /^https?:\/\/[^/]*/i.exec(path)?.[0] ?? '';
  let folded = path.slice(origin.length).replace(/\/{2,}/g, '/');
  if (folded.length > 1 && folded.endsWith('/')) folded = folded.slice(0, -1);
  if (!isDecodable(folded)) folded = folded.replaceAll('%', '%25');
  return (folded === '' ? '/' : folded) + rest;
}

function isDecodable(path: string): boolean {
  if (!path.includes('%')) return true;
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

/** The path of a request URL, without its query. */
export function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}
