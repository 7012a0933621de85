import type { IncomingMessage } from 'node:http';

const MAX_DISCARD_BYTES = 64 * 1024 * 1024;
const MAX_DISCARD_MS = 5000;

/**
 * Reads the rest of a refused body and throws it away. A client that is still sending when its connection is
 * closed sees a broken connection in place of the refusal. Resolves true when the body was read to its end.
 */
export function discardBody(raw: IncomingMessage): Promise<boolean> {
  if (raw.complete || raw.readableEnded || raw.destroyed) return Promise.resolve(!raw.destroyed);
  return new Promise((resolve) => {
    let bytes = 0;
    const settle = (isRead: boolean): void => {
      clearTimeout(timer);
      raw.off('data', onData);
      raw.off('end', onEnd);
      raw.off('close', onClose);
      resolve(isRead);
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > MAX_DISCARD_BYTES) settle(false);
    };
    const onEnd = (): void => settle(true);
    const onClose = (): void => settle(false);
    const timer = setTimeout(() => settle(false), MAX_DISCARD_MS);
    raw.on('data', onData);
    raw.once('end', onEnd);
    raw.once('close', onClose);
    raw.resume();
  });
}
