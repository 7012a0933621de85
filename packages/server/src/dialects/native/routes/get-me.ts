import { getMeReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getMe = defineOperation({
  operationId: 'getMe',
  method: 'GET',
  path: '/me',
  tag: 'Identity',
  role: 'viewer',
  summary: 'Who asks, and what answers',
  replies: { 200: { description: 'Principal, key, organization and server', schema: getMeReplySchema } },
  errors: [],
  handle: async ({ engine, caller, server, faces }) => {
    const [principal, organization] = await Promise.all([
      engine.identity.principal(caller, caller.principalId),
      engine.identity.organization(caller),
    ]);
    return {
      status: 200,
      body: {
        principal,
        key: { id: caller.keyId, role: caller.role },
        organization,
        server: { version: server.version, faces },
      },
    };
  },
});
