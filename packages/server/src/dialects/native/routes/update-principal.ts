import {
  updatePrincipalBodySchema,
  updatePrincipalParamsSchema,
  updatePrincipalReplySchema,
} from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const updatePrincipal = defineOperation({
  operationId: 'updatePrincipal',
  method: 'PATCH',
  path: '/principals/{principalId}',
  tag: 'Identity',
  role: 'admin',
  summary: 'Change or disable a principal',
  params: updatePrincipalParamsSchema,
  body: updatePrincipalBodySchema,
  replies: { 200: { description: 'The principal after it', schema: updatePrincipalReplySchema } },
  errors: ['not_found', 'already_exists'],
  handle: ({ engine, caller, params, body, command }) =>
    command(
      (options) => engine.identity.updatePrincipal(caller, params.principalId, body, options),
      (principal) => ({ status: 200, body: principal }),
    ),
});
