import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** How long requests that are under way may take to be answered once the server closes. */
const LAST_REPLIES_MS = 2_000;

/**
 * Watches the connections of a server; the function that it returns ends them while the server closes. Node closes
 * those that are idle, but counts one on which nothing was asked yet (browsers open them ahead) as busy for a minute,
 * and one whose reader stands still for ever.
 */
export function watchConnections(server: Server): (closing: Promise<unknown>) => Promise<void> {
  const unused = new Set<Socket>();
  server.on('connection', (socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  server.on('request', (request) => unused.delete(request.socket));
  return async (closing) => {
    for (const socket of unused) socket.destroy();
    const timer = setTimeout(() => server.closeAllConnections(), LAST_REPLIES_MS);
    try {
      await closing;
    } finally {
      clearTimeout(timer);
    }
  };
}
