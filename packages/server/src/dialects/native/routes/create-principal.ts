import { createPrincipalBodySchema, createPrincipalReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const createPrincipal = defineOperation({
  operationId: 'createPrincipal',
  method: 'POST',
  path: '/principals',
  tag: 'Identity',
  role: 'admin',
  summary: 'Create a principal',
  body: createPrincipalBodySchema,
  example: { name: 'Ada', email: 'ada@example.com', role: 'operator' },
  replies: { 201: { description: 'The principal', schema: createPrincipalReplySchema } },
  errors: ['already_exists'],
  handle: ({ engine, caller, body, basePath, command }) =>
    command(
      (options) => engine.identity.createPrincipal(caller, body, options),
      (principal) => ({
        status: 201,
        body: principal,
        headers: { location: `${basePath}/principals/${principal.id}` },
      }),
    ),
});
