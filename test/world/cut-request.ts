import { once } from 'node:events';
import { connect } from 'node:net';

/** Sends a whole request and closes the connection before the reply: whoever asked will never know. */
export async function cutRequest(
  base: string,
  request: { method: string; path: string; headers: Record<string, string>; body: string },
): Promise<void> {
  const { hostname, port, host } = new URL(base);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const lines = Object.entries({
    host,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(request.body)),
    ...request.headers,
  }).map(([name, value]) => `${name}: ${value}`);
  const text = `${request.method} ${request.path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${request.body}`;
  await new Promise((written) => socket.write(text, written));
  socket.destroy();
  if (!socket.closed) await once(socket, 'close');
}
