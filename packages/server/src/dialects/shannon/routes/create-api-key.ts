import { z } from 'zod';
import { bodyObject } from '../body.ts';
import { WireError } from '../errors.ts';
import { defineRoute } from '../route.ts';
import { openObject } from '../wire.ts';

export const createApiKey = defineRoute({
  operationId: 'createApiKey',
  method: 'POST',
  path: '/api/v1/auth/api-keys',
  tag: 'Identity',
  role: 'admin',
  summary: 'Create a key with the role developer',
  body: z.looseObject({ name: z.string() }),
  replies: { 201: { description: 'The key, with its secret this once', schema: openObject } },
  handle: async ({ engine, caller, body }) => {
    const { name } = bodyObject(body);
    if (typeof name !== 'string' || name.trim() === '') {
      throw new WireError(400, { error: 'invalid_request', message: 'name is required' });
    }
    const key = await engine.identity.createKey(caller, {
      name: name.trim().slice(0, 200),
      role: 'developer',
    });
    return {
      status: 201,
      body: {
        id: key.id,
        name: key.name,
        api_key: key.secret,
        key_prefix: key.prefix,
        created_at: key.createdAt,
        warning: 'Save this key now. It is not shown again.',
      },
    };
  },
});
