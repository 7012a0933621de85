import type { FastifyReply } from 'fastify';

/** JSON as Go writes it: a newline at the end, and a type without a charset (bytes, since texts are given one). */
export function sendJson(reply: FastifyReply, status: number, body: unknown): FastifyReply {
  return reply
    .code(status)
    .header('content-type', 'application/json')
    .send(Buffer.from(`${JSON.stringify(body)}\n`));
}
