import type { z } from 'zod';
import { pageQuerySchema, pageSchema } from './page.ts';
import { principalSchema } from './principal.ts';

export const listPrincipalsQuerySchema = pageQuerySchema;
export const listPrincipalsReplySchema = pageSchema(principalSchema, 'Principals, oldest first');
export type ListPrincipalsReply = z.infer<typeof listPrincipalsReplySchema>;
