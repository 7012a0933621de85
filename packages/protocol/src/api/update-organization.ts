import { z } from 'zod';
import { dailyLimitsSchema, organizationSchema } from '../organization.ts';

export const updateOrganizationBodySchema = z
  .strictObject({
    name: z.string().min(1).max(200).optional().describe('Name'),
    dailyLimits: dailyLimitsSchema.optional(),
  })
  .describe('What to change; limits are merged by key, null removes one');
export type UpdateOrganizationBody = z.output<typeof updateOrganizationBodySchema>;
export const updateOrganizationReplySchema = organizationSchema;
