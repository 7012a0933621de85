import { z } from 'zod';
import { jsonObjectSchema } from '../json.ts';
import { missedPolicySchema } from '../schedule.ts';
import { idParameter } from './parameter.ts';
import { startRunBodySchema } from './start-run.ts';

export const scheduleParamsSchema = z.object({ scheduleId: idParameter('Schedule id') });

/** The run of a schedule: what startRun takes, without what belongs to one start alone. */
export const scheduledRunSchema = startRunBodySchema
  .refine((body) => body.key === undefined && body.startAt === undefined, {
    error: 'a schedule has its own times and keys',
    path: ['key'],
  })
  .refine((body) => body.secrets === undefined && body.webhooks === undefined && body.flow === undefined, {
    error: 'secrets, webhooks and flow are not for schedules',
    path: ['secrets'],
  })
  .describe('The run to start, as startRun takes it');

export const scheduleFieldsShape = {
  name: z.string().min(1).max(200).describe('Name'),
  description: z.string().max(10_000).optional().describe('What it is for'),
  cron: z.string().min(1).max(200).describe('Five-field cron expression'),
  timezone: z.string().min(1).max(100).optional().describe('IANA time zone; UTC unless told'),
  missed: missedPolicySchema.optional(),
  run: scheduledRunSchema,
  metadata: jsonObjectSchema.optional().describe('Your own data'),
};
