import { getKeyParamsSchema, getKeyReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getKey = defineOperation({
  operationId: 'getKey',
  method: 'GET',
  path: '/keys/{keyId}',
  tag: 'Identity',
  role: 'admin',
  summary: 'Get a key',
  params: getKeyParamsSchema,
  replies: { 200: { description: 'The key, without its secret', schema: getKeyReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => ({
    status: 200,
    body: await engine.identity.key(caller, params.keyId),
  }),
});
