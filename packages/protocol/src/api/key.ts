import { z } from 'zod';
import { roleSchema } from '../status.ts';
import { idParameter } from './parameter.ts';

export const keyParamsSchema = z.object({ keyId: idParameter('Key id') });

/** An API key without its secret, which only its SHA-256 is kept of. */
export const keySchema = z
  .object({
    id: z.string().describe('Id, key_…'),
    name: z.string().describe('Name'),
    principalId: z.string().describe('The principal that it belongs to'),
    role: roleSchema,
    prefix: z.string().describe('First characters of the secret, to tell keys apart'),
    createdAt: z.string().describe('When it was created, RFC 3339 UTC'),
    lastUsedAt: z.string().nullable().describe('When it was last used, or null'),
    expiresAt: z.string().nullable().describe('When it stops working, or null'),
    revokedAt: z.string().nullable().describe('When it was revoked, or null'),
  })
  .meta({ id: 'Key' })
  .describe('An API key');
export type KeyReply = z.infer<typeof keySchema>;
