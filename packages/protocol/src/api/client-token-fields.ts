import { z } from 'zod';
import { clientConfigSchema, clientOriginSchema } from '../client-token.ts';
import { idParameter } from './parameter.ts';

export const clientTokenParamsSchema = z.object({ clientTokenId: idParameter('Client token id') });

const nameSchema = z.string().min(1).max(200).describe('Name');
const originsSchema = z.array(clientOriginSchema).min(1).max(100).describe('Pages that may use it');

/** What may be said of a token at its creation and later. */
export const clientTokenFieldsShape = {
  target: z
    .string()
    .min(1)
    .max(200)
    .nullable()
    .optional()
    .describe('Id of a saved agent or flow; null: the default agent'),
  active: z.boolean().optional().describe('False: its pages are turned away'),
  config: clientConfigSchema.optional(),
  dailyMessageLimit: z
    .number()
    .int()
    .min(1)
    .max(100_000_000)
    .nullable()
    .optional()
    .describe('Messages that all its pages together may send in a day; null: as many as they like'),
} as const;

export const clientTokenNameAndOriginsShape = { name: nameSchema, origins: originsSchema } as const;
