import { getReceiptsParamsSchema, getReceiptsReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getReceipts = defineOperation({
  operationId: 'getReceipts',
  method: 'GET',
  path: '/runs/{runId}/receipts',
  tag: 'Events',
  role: 'viewer',
  summary: 'Get the receipts of a run',
  description:
    'Every decision of the run with who, why, and what was seen: hash-chained, and signed by this server. ' +
    '`fermata receipts verify` checks the document offline.',
  params: getReceiptsParamsSchema,
  replies: { 200: { description: 'The receipts', schema: getReceiptsReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => ({
    status: 200,
    body: await engine.receipts.get(caller, params.runId),
  }),
});
