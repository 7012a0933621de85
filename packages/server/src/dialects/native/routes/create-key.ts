import { createKeyBodySchema, createKeyReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const createKey = defineOperation({
  operationId: 'createKey',
  method: 'POST',
  path: '/keys',
  tag: 'Identity',
  role: 'admin',
  summary: 'Create a key',
  description: 'The secret is shown this once and kept nowhere; a replayed reply has `secret: null`.',
  body: createKeyBodySchema,
  example: { name: 'ci', role: 'developer' },
  replies: { 201: { description: 'The key with its secret', schema: createKeyReplySchema } },
  errors: ['not_found'],
  handle: ({ engine, caller, body, basePath, command }) =>
    command(
      (options) => engine.identity.createKey(caller, body, options),
      (key) => ({
        status: 201,
        body: key,
        headers: { location: `${basePath}/keys/${key.id}`, 'cache-control': 'no-store' },
      }),
      (key) => ({ status: 201, body: { ...key, secret: null } }),
    ),
});
