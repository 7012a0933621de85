import {
  clientTokenParamsSchema,
  updateClientTokenBodySchema,
  updateClientTokenReplySchema,
} from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { checkTarget } from '../checked-target.ts';

export const updateClientToken = defineOperation({
  operationId: 'updateClientToken',
  method: 'PATCH',
  path: '/client-tokens/{clientTokenId}',
  tag: 'Client tokens',
  role: 'admin',
  summary: 'Change a client token',
  description:
    'Sessions that have begun follow the change. `active: false` turns all its pages away until it is active again.',
  params: clientTokenParamsSchema,
  body: updateClientTokenBodySchema,
  example: { active: false },
  replies: { 200: { description: 'The client token after it', schema: updateClientTokenReplySchema } },
  errors: ['not_found', 'invalid_transition'],
  handle: async ({ engine, caller, params, body, command }) => {
    await checkTarget(engine, caller, body.target);
    return command(
      (options) => engine.clients.updateToken(caller, params.clientTokenId, body, options),
      (token) => ({ status: 200, body: token }),
    );
  },
});
