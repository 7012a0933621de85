import { z } from 'zod';
import { roleSchema } from '../status.ts';
import { idParameter } from './parameter.ts';

export const principalParamsSchema = z.object({ principalId: idParameter('Principal id') });

export const principalTypeSchema = z.enum(['person', 'service']).describe('A person, or a program');

export const emailSchema = z.email().max(320).describe('E-mail address');

/** Who acts: a person or a service. Every key belongs to one. */
export const principalSchema = z
  .object({
    id: z.string().describe('Id, UUID'),
    number: z.number().int().describe('Number, unique'),
    organizationId: z.number().int().describe('Organization'),
    type: principalTypeSchema,
    name: z.string().describe('Name'),
    email: z.string().nullable().describe('E-mail address, or null'),
    role: roleSchema,
    createdAt: z.string().describe('When it was created, RFC 3339 UTC'),
    disabledAt: z.string().nullable().describe('When it was disabled, or null'),
  })
  .meta({ id: 'Principal' })
  .describe('A person or a service');
export type PrincipalReply = z.infer<typeof principalSchema>;
