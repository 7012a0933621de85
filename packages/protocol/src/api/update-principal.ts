import { z } from 'zod';
import { roleSchema } from '../status.ts';
import { emailSchema, principalParamsSchema, principalSchema } from './principal.ts';

export const updatePrincipalParamsSchema = principalParamsSchema;
export const updatePrincipalBodySchema = z
  .strictObject({
    name: z.string().min(1).max(200).optional().describe('Name'),
    email: emailSchema.nullable().optional().describe('E-mail address; null removes it'),
    role: roleSchema.optional(),
    disabled: z.boolean().optional().describe('True: its keys no longer work'),
  })
  .describe('What to change');
export type UpdatePrincipalBody = z.infer<typeof updatePrincipalBodySchema>;
export const updatePrincipalReplySchema = principalSchema;
