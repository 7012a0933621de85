import { revokeKeyParamsSchema, revokeKeyReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const revokeKey = defineOperation({
  operationId: 'revokeKey',
  method: 'DELETE',
  path: '/keys/{keyId}',
  tag: 'Identity',
  role: 'admin',
  summary: 'Revoke a key',
  description: 'It no longer works, and its streams end within 30 s. Revoking twice changes nothing.',
  params: revokeKeyParamsSchema,
  replies: { 200: { description: 'The key, revoked', schema: revokeKeyReplySchema } },
  errors: ['not_found'],
  handle: ({ engine, caller, params, command }) =>
    command(
      (options) => engine.identity.revokeKey(caller, params.keyId, options),
      (key) => ({ status: 200, body: key }),
    ),
});
