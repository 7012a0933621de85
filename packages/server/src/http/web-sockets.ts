import websocket from '@fastify/websocket';
import type { FastifyInstance } from 'fastify';

/** Readers only listen: what they send is small, and is not read, bytes. */
const MAX_MESSAGE_BYTES = 512;

/**
 * Lets routes have a `wsHandler`. Once per server: the upgrade is the server's own event, and each registration would
 * answer it.
 */
export async function registerWebSockets(app: FastifyInstance): Promise<void> {
  await app.register(websocket, { options: { maxPayload: MAX_MESSAGE_BYTES } });
}
