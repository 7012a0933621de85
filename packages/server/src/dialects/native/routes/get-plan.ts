import { getPlanParamsSchema, getPlanReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getPlan = defineOperation({
  operationId: 'getPlan',
  method: 'GET',
  path: '/runs/{runId}/plan',
  tag: 'Runs',
  role: 'viewer',
  summary: 'Get the plan of a run',
  params: getPlanParamsSchema,
  replies: { 200: { description: 'Its steps', schema: getPlanReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => ({
    status: 200,
    body: { data: await engine.plans.get(caller, params.runId) },
  }),
});
