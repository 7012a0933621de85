import { defineRoute } from '../route.ts';
import { openObject } from '../wire.ts';

export const getMe = defineRoute({
  operationId: 'getMe',
  method: 'GET',
  path: '/api/v1/auth/me',
  tag: 'Identity',
  role: 'viewer',
  summary: 'Get whose key this is',
  replies: { 200: { description: 'Who asks', schema: openObject } },
  handle: async ({ engine, caller }) => {
    const [principal, organization] = await Promise.all([
      engine.identity.principal(caller, caller.principalId),
      engine.identity.organization(caller),
    ]);
    return {
      status: 200,
      body: {
        user_id: principal.id,
        tenant_id: organization.uuid,
        email: principal.email ?? '',
        username: principal.name,
        name: principal.name,
        tier: 'enterprise',
        quotas: {},
        rate_limits: {},
      },
    };
  },
});
