import type { JsonObject } from '@fermata/protocol';
import type { ApiKey } from '../../../engine/facade-accounts.ts';
import { defineRoute } from '../route.ts';
import { openObject } from '../wire.ts';

export const listApiKeys = defineRoute({
  operationId: 'listApiKeys',
  method: 'GET',
  path: '/api/v1/auth/api-keys',
  tag: 'Identity',
  role: 'admin',
  summary: 'List keys',
  replies: { 200: { description: 'Keys without their secrets', schema: openObject } },
  handle: async ({ engine, caller }) => {
    const page = await engine.identity.keys(caller, { limit: 100, total: true });
    const keys = page.data.map(keyJson);
    return { status: 200, body: { keys, total: page.total ?? keys.length } };
  },
});

function keyJson(key: ApiKey): JsonObject {
  return {
    id: key.id,
    name: key.name,
    key_prefix: key.prefix,
    created_at: key.createdAt,
    ...(key.lastUsedAt === null ? {} : { last_used_at: key.lastUsedAt }),
    is_active: key.revokedAt === null,
  };
}
