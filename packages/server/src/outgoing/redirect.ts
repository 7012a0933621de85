import { OutgoingError } from './outgoing-error.ts';

type RequestBody = NonNullable<RequestInit['body']> | null;
export type RedirectMode = NonNullable<RequestInit['redirect']>;

/** One request of a chain of redirects. */
export interface HopRequest {
  url: URL;
  method: string;
  headers: Headers;
  body: RequestBody;
}

const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308]);
/**
 * What may follow to another origin. A list of what is harmless, not of what is secret: a tool's own headers
 * carry secrets under any name.
 */
const HARMLESS_HEADERS = new Set([
  'accept',
  'accept-language',
  'content-type',
  'user-agent',
  'idempotency-key',
]);

/** The request that the answer redirects to, or null when it is final. Throws `OutgoingError` (`redirects`, `invalid`). */
export function nextRequest(request: HopRequest, response: Response, mode: RedirectMode): HopRequest | null {
  const location = response.headers.get('location');
  if (mode === 'manual' || !REDIRECT_STATUSES.has(response.status) || location === null) return null;
  if (mode === 'error')
    throw new OutgoingError('redirects', 'redirects are not allowed here', { sent: true });
  let url: URL;
  try {
    url = new URL(location, request.url);
  } catch {
    throw new OutgoingError('invalid', 'the redirect is not a valid URL', { sent: true });
  }
  url.hash = '';
  const headers = new Headers(request.headers);
  if (url.origin !== request.url.origin) {
    for (const name of [...headers.keys()]) if (!HARMLESS_HEADERS.has(name)) headers.delete(name);
  }
  if (!becomesGet(request.method, response.status)) {
    if (request.body instanceof ReadableStream) {
      throw new OutgoingError('redirects', 'a streamed body cannot be sent again', { sent: true });
    }
    return { ...request, url, headers };
  }
  for (const name of ['content-type', 'content-length', 'content-encoding']) headers.delete(name);
  return { url, method: 'GET', headers, body: null };
}

/** Fetch standard, HTTP-redirect fetch, step 12. */
function becomesGet(method: string, status: number): boolean {
  if (status === 303) return method !== 'GET' && method !== 'HEAD';
  return (status === 301 || status === 302) && method === 'POST';
}
