import { clientTokenParamsSchema, getClientTokenReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getClientToken = defineOperation({
  operationId: 'getClientToken',
  method: 'GET',
  path: '/client-tokens/{clientTokenId}',
  tag: 'Client tokens',
  role: 'admin',
  summary: 'Get a client token',
  params: clientTokenParamsSchema,
  replies: { 200: { description: 'The client token', schema: getClientTokenReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => ({
    status: 200,
    body: await engine.clients.token(caller, params.clientTokenId),
  }),
});
