import { createClientTokenBodySchema, createClientTokenReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { checkTarget } from '../checked-target.ts';

export const createClientToken = defineOperation({
  operationId: 'createClientToken',
  method: 'POST',
  path: '/client-tokens',
  tag: 'Client tokens',
  role: 'admin',
  summary: 'Create a client token',
  description:
    'Pages of the given origins may talk to the target with it, without a key. The token stands in the page for everybody to read; it is shown this once, and only its SHA-256 is kept. A replayed reply has `token: null`.',
  body: createClientTokenBodySchema,
  example: { name: 'shop', origins: ['https://shop.example.org'], dailyMessageLimit: 10_000 },
  replies: { 201: { description: 'The token', schema: createClientTokenReplySchema } },
  errors: [],
  handle: async ({ engine, caller, body, basePath, command }) => {
    await checkTarget(engine, caller, body.target);
    return command(
      (options) => engine.clients.createToken(caller, body, options),
      (created) => ({
        status: 201,
        body: created,
        headers: { location: `${basePath}/client-tokens/${created.id}`, 'cache-control': 'no-store' },
      }),
      (created) => ({ status: 201, body: { ...created, token: null } }),
    );
  },
});
