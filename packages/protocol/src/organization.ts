import { z } from 'zod';

const count = (what: string): z.ZodOptional<z.ZodNullable<z.ZodNumber>> =>
  z.number().int().positive().nullable().optional().describe(what);

/** Limits of all managed runs of an organization together, anew each day (UTC). `null` in a PATCH removes one. */
export const dailyLimitsSchema = z
  .strictObject({
    maxTurns: count('Model calls'),
    maxTokens: count('Input and output tokens together'),
    maxCostUsd: z
      .number()
      .positive()
      .nullable()
      .optional()
      .describe('US dollars, of the models that have a price'),
    maxToolCalls: count('Tool calls'),
  })
  .meta({ id: 'DailyLimits' })
  .describe('Limits of a day (UTC); a missing one does not limit');
export type DailyLimits = z.infer<typeof dailyLimitsSchema>;
export type DailyLimit = keyof DailyLimits;

/** A tenant. */
export const organizationSchema = z
  .object({
    id: z.number().int().describe('Number'),
    uuid: z.string().describe('UUID'),
    name: z.string().describe('Name'),
    dailyLimits: dailyLimitsSchema,
    createdAt: z.string().describe('When it was created, RFC 3339 UTC'),
  })
  .meta({ id: 'Organization' })
  .describe('The organization');
export type OrganizationReply = z.infer<typeof organizationSchema>;
