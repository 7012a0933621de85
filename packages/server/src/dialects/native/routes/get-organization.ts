import { getOrganizationReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getOrganization = defineOperation({
  operationId: 'getOrganization',
  method: 'GET',
  path: '/organization',
  tag: 'Identity',
  role: 'viewer',
  summary: 'Get the organization and its daily limits',
  replies: { 200: { description: 'The organization', schema: getOrganizationReplySchema } },
  errors: [],
  handle: async ({ engine, caller }) => ({ status: 200, body: await engine.identity.organization(caller) }),
});
