import { OutgoingError } from './outgoing-error.ts';

export interface ResponseLimits {
  url: URL;
  maxBytes: number | null;
  /** Called once, when the body has ended, failed or was cancelled. */
  onEnd(): void;
  describeError(error: unknown): OutgoingError;
}

/** The response with a body that counts its bytes, fails with `OutgoingError` and tells when it has ended. */
export function limitedResponse(response: Response, limits: ResponseLimits): Response {
  const { status, statusText } = response;
  const headers = new Headers(Object.fromEntries(response.headers));
  const declared = Number(headers.get('content-length') ?? '0');
  if (limits.maxBytes !== null && declared > limits.maxBytes && response.body !== null) {
    limits.onEnd();
    throw tooLarge(limits.maxBytes);
  }
  const isNullBody = response.body === null || status === 204 || status === 205 || status === 304;
  let body: ReadableStream<Uint8Array> | null = null;
  if (isNullBody || response.body === null) limits.onEnd();
  else body = countedBody(response.body, limits);
  const wrapped = new Response(body, { status: status < 200 ? 200 : status, statusText, headers });
  Object.defineProperty(wrapped, 'url', { value: limits.url.href });
  return wrapped;
}

function countedBody(source: ReadableStream<Uint8Array>, limits: ResponseLimits): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let total = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller): Promise<void> {
        try {
          const { done, value } = await reader.read();
          if (done) {
            limits.onEnd();
            controller.close();
            return;
          }
          total += value.byteLength;
          if (limits.maxBytes !== null && total > limits.maxBytes) throw tooLarge(limits.maxBytes);
          controller.enqueue(value);
        } catch (error) {
          const described = limits.describeError(error);
          limits.onEnd();
          controller.error(described);
        }
      },
      async cancel(reason): Promise<void> {
        try {
          await reader.cancel(reason);
        } catch {
          // The connection may be gone already; it is released below either way.
        } finally {
          limits.onEnd();
        }
      },
    },
    { highWaterMark: 0 },
  );
}

function tooLarge(maxBytes: number): OutgoingError {
  return new OutgoingError('too_large', `the response is larger than ${maxBytes} bytes`, { sent: true });
}
