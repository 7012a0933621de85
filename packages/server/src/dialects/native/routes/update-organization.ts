import { updateOrganizationBodySchema, updateOrganizationReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const updateOrganization = defineOperation({
  operationId: 'updateOrganization',
  method: 'PATCH',
  path: '/organization',
  tag: 'Identity',
  role: 'admin',
  summary: 'Change the organization and its daily limits',
  description:
    'A daily limit holds the organization’s managed runs before their next step (hold `budget`, or `budget_exhausted` with `onLimit: fail`) until the next day (UTC) or a higher limit; only then may they be resumed. Every process knows of a change, and of what the others use, within about a second: so much may be used beyond the limit, besides what is in flight.',
  body: updateOrganizationBodySchema,
  example: { dailyLimits: { maxCostUsd: 100, maxTurns: null } },
  replies: { 200: { description: 'The organization after it', schema: updateOrganizationReplySchema } },
  errors: [],
  handle: ({ engine, caller, body, command }) =>
    command(
      (options) => engine.identity.updateOrganization(caller, body, options),
      (organization) => ({ status: 200, body: organization }),
    ),
});
