import { z } from 'zod';
import { roleSchema } from '../status.ts';
import { keySchema } from './key.ts';
import { timeParameter } from './parameter.ts';

export const createKeyBodySchema = z
  .strictObject({
    name: z.string().min(1).max(200).describe('Name'),
    role: roleSchema,
    principalId: z.string().min(1).max(200).optional().describe('Whose key; absent: your own'),
    expiresAt: timeParameter('When it stops working').nullable().optional().describe('null: never'),
  })
  .describe('The key');
export type CreateKeyBody = z.infer<typeof createKeyBodySchema>;
export const createKeyReplySchema = keySchema
  .extend({
    secret: z.string().nullable().describe('The key itself, shown this once; null in a replayed reply'),
  })
  .meta({ id: 'NewKey' })
  .describe('The key with its secret');
export type CreateKeyReply = z.infer<typeof createKeyReplySchema>;
