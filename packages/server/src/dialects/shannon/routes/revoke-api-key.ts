import { z } from 'zod';
import { WireError } from '../errors.ts';
import { defineRoute } from '../route.ts';
import { found } from '../task-id.ts';
import { openObject } from '../wire.ts';

export const revokeApiKey = defineRoute({
  operationId: 'revokeApiKey',
  method: 'DELETE',
  path: '/api/v1/auth/api-keys/{id}',
  tag: 'Identity',
  role: 'admin',
  summary: 'Revoke a key',
  params: z.object({ id: z.string().describe('Key id') }),
  replies: { 200: { description: 'It is revoked', schema: openObject } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => {
    const unknown = (): WireError => new WireError(404, { error: 'not_found', message: 'API key not found' });
    await found(engine.identity.revokeKey(caller, params['id'] ?? ''), unknown);
    return { status: 200, body: { success: true } };
  },
});
