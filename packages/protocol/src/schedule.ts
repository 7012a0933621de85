import { z } from 'zod';
import { actorSchema } from './actor.ts';
import { jsonObjectSchema } from './json.ts';

export const missedPolicySchema = z
  .enum(['skip', 'once', 'all'])
  .describe(
    'What becomes of times that passed while no server ran: skip them, fire once for all, or fire each (the last 100)',
  );
export type MissedPolicy = z.infer<typeof missedPolicySchema>;

export const scheduleSchema = z
  .object({
    id: z.string().describe('Id, sched_…'),
    name: z.string().describe('Name'),
    description: z.string().describe('What it is for'),
    cron: z.string().describe('Five-field cron expression'),
    timezone: z.string().describe('IANA time zone that the expression is read in'),
    missed: missedPolicySchema,
    run: jsonObjectSchema.describe('The run to start, as startRun takes it'),
    status: z.enum(['active', 'paused']).describe('Whether it fires'),
    paused: z
      .object({
        by: actorSchema,
        at: z.string().describe('When'),
        reason: z.string().nullable().describe('Why, or null'),
      })
      .nullable()
      .describe('Paused by whom, or null'),
    metadata: jsonObjectSchema.describe('The caller’s own data'),
    createdBy: actorSchema,
    fires: z
      .object({
        total: z.number().int().describe('All'),
        succeeded: z.number().int().describe('Their runs have succeeded'),
        failed: z.number().int().describe('Their runs have failed, or could not be started'),
      })
      .describe('How often it has fired'),
    lastFireAt: z.string().nullable().describe('Time for which it fired last, or null'),
    nextFireAt: z.string().nullable().describe('When it fires next, or null'),
    createdAt: z.string().describe('When it was created, RFC 3339 UTC'),
    updatedAt: z.string().describe('When it was last changed'),
  })
  .meta({ id: 'Schedule' })
  .describe('Starts a run at the times of a cron expression');
export type Schedule = z.infer<typeof scheduleSchema>;

export const scheduleFireSchema = z
  .object({
    fireAt: z.string().describe('The time of the schedule, RFC 3339 UTC'),
    firedAt: z.string().describe('When it was fired'),
    runId: z.string().nullable().describe('Its run, or null'),
    error: z.string().nullable().describe('Why it could not be started, or null'),
  })
  .describe('One firing of a schedule');
export type ScheduleFire = z.infer<typeof scheduleFireSchema>;
