import type { z } from 'zod';
import { keySchema } from './key.ts';
import { pageQuerySchema, pageSchema } from './page.ts';

export const listKeysQuerySchema = pageQuerySchema;
export const listKeysReplySchema = pageSchema(keySchema, 'API keys, oldest first');
export type ListKeysReply = z.infer<typeof listKeysReplySchema>;
