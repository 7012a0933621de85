import { getPrincipalParamsSchema, getPrincipalReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getPrincipal = defineOperation({
  operationId: 'getPrincipal',
  method: 'GET',
  path: '/principals/{principalId}',
  tag: 'Identity',
  role: 'admin',
  summary: 'Get a principal',
  params: getPrincipalParamsSchema,
  replies: { 200: { description: 'The principal', schema: getPrincipalReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => ({
    status: 200,
    body: await engine.identity.principal(caller, params.principalId),
  }),
});
