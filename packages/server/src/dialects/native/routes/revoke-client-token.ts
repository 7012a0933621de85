import { clientTokenParamsSchema, revokeClientTokenReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const revokeClientToken = defineOperation({
  operationId: 'revokeClientToken',
  method: 'DELETE',
  path: '/client-tokens/{clientTokenId}',
  tag: 'Client tokens',
  role: 'admin',
  summary: 'Revoke a client token',
  description:
    'For good: it no longer works, and the sessions that pages have begun with it end. Their runs go on. Revoking twice changes nothing.',
  params: clientTokenParamsSchema,
  replies: { 200: { description: 'The client token, revoked', schema: revokeClientTokenReplySchema } },
  errors: ['not_found'],
  handle: ({ engine, caller, params, command }) =>
    command(
      (options) => engine.clients.revokeToken(caller, params.clientTokenId, options),
      (token) => ({ status: 200, body: token }),
    ),
});
