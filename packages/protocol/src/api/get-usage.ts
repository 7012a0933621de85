import { z } from 'zod';
import { listParameter } from './parameter.ts';

const usageDaySchema = z.iso.date();

export const usageGroupSchema = z.enum(['day', 'model', 'agent']).describe('What is told apart');
export type UsageGroup = z.infer<typeof usageGroupSchema>;

export const getUsageQuerySchema = z
  .strictObject({
    from: usageDaySchema
      .optional()
      .describe('First day (UTC), as 2026-01-31; 30 days before `to` unless told'),
    to: usageDaySchema.optional().describe('Last day (UTC); today unless told'),
    groupBy: listParameter(usageGroupSchema, 'day, model, agent; a comma list; day unless told').optional(),
  })
  .describe('Which usage');
export type GetUsageQuery = z.output<typeof getUsageQuerySchema>;

const sums = {
  turns: z.number().int().describe('Model calls that were completed'),
  toolCalls: z.number().int().describe('Tool calls that were begun; they belong to no model'),
  inputTokens: z.number().int().describe('Tokens read'),
  outputTokens: z.number().int().describe('Tokens written'),
  costUsd: z.number().describe('US dollars of the calls that have a price'),
  unpricedTurns: z.number().int().describe('Model calls whose model has no price'),
};

export const usageReportSchema = z
  .object({
    from: z.string().describe('First day'),
    to: z.string().describe('Last day'),
    groupBy: z.array(usageGroupSchema).describe('What is told apart'),
    data: z
      .array(
        z.object({
          day: z.string().nullable().describe('Day (UTC); null when days are not told apart'),
          model: z
            .string()
            .nullable()
            .describe('Model as provider/name; null when models are not told apart, and for tool calls'),
          agentId: z
            .string()
            .nullable()
            .describe('Saved agent; null when agents are not told apart, and for inline ones'),
          ...sums,
        }),
      )
      .describe('One row for each group, days in order'),
    total: z.object(sums).describe('All of them'),
  })
  .meta({ id: 'UsageReport' })
  .describe('What the organization has used');
export type UsageReport = z.infer<typeof usageReportSchema>;
export const getUsageReplySchema = usageReportSchema;
