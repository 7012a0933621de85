import type { z } from 'zod';
import { receiptKeySchema } from './get-receipts.ts';
import { pageSchema } from './page.ts';

export const listReceiptKeysReplySchema = pageSchema(
  receiptKeySchema,
  'Every key, oldest first, on one page',
);
export type ListReceiptKeysReply = z.infer<typeof listReceiptKeysReplySchema>;
