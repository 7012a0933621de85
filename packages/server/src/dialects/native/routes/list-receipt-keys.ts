import { listReceiptKeysReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const listReceiptKeys = defineOperation({
  operationId: 'listReceiptKeys',
  method: 'GET',
  path: '/receipts/keys',
  tag: 'Events',
  role: 'viewer',
  summary: 'List the keys that sign receipts',
  description: 'The public keys of every process that has served this database.',
  replies: { 200: { description: 'The keys', schema: listReceiptKeysReplySchema } },
  errors: [],
  handle: async ({ engine, caller }) => ({
    status: 200,
    body: { data: await engine.receipts.keys(caller), nextCursor: null },
  }),
});
