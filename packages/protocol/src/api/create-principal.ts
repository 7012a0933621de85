import { z } from 'zod';
import { roleSchema } from '../status.ts';
import { emailSchema, principalSchema, principalTypeSchema } from './principal.ts';

export const createPrincipalBodySchema = z
  .strictObject({
    name: z.string().min(1).max(200).describe('Name'),
    email: emailSchema.nullable().optional().describe('E-mail address'),
    role: roleSchema,
    type: principalTypeSchema.optional().describe('person or service; person unless told'),
  })
  .describe('The principal');
export type CreatePrincipalBody = z.infer<typeof createPrincipalBodySchema>;
export const createPrincipalReplySchema = principalSchema;
