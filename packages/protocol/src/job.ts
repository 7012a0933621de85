import { z } from 'zod';
import { actorSchema } from './actor.ts';
import { jsonObjectSchema } from './json.ts';
import { runStatusSchema } from './status.ts';

export const jobActionSchema = z
  .enum(['pause', 'resume', 'cancel', 'retry'])
  .describe('The command that each run is given');
export type JobAction = z.infer<typeof jobActionSchema>;

export const jobStatusSchema = z
  .enum(['queued', 'running', 'succeeded', 'failed', 'cancelled'])
  .describe('failed: stopped, because too many runs refused it; the last three are final');
export type JobStatus = z.infer<typeof jobStatusSchema>;

export function isFinalJobStatus(status: JobStatus): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled';
}

export const jobErrorSchema = z
  .object({
    runId: z.string().describe('The run'),
    code: z.string().describe('Error code'),
    message: z.string().describe('What it said'),
  })
  .describe('Why a run refused the command');
export type JobError = z.infer<typeof jobErrorSchema>;

/** A command on many runs. `done` is always `changed + skipped + failed`. */
export const jobSchema = z
  .object({
    id: z.string().describe('Id, job_…'),
    action: jobActionSchema,
    status: jobStatusSchema,
    filter: jsonObjectSchema.nullable().describe('Which runs, as it was asked; null with ids'),
    hold: z.string().nullable().describe('Name of the hold, or null for the command’s own default'),
    reason: z.string().nullable().describe('Why, or null'),
    ratePerSecond: z.number().nullable().describe('At most so many commands a second, or null'),
    stopOnErrorShare: z.number().nullable().describe('Stops when a larger share has failed, or null'),
    total: z.number().int().describe('Runs that it was made for'),
    done: z.number().int().describe('Runs that it has dealt with'),
    changed: z.number().int().describe('Of these: where the command took effect'),
    skipped: z
      .number()
      .int()
      .describe('Of these: where nothing was left to do, or the run had moved on since it was chosen'),
    failed: z.number().int().describe('Of these: where the command was refused'),
    errors: z.array(jobErrorSchema).describe('The first ten refusals'),
    createdBy: actorSchema,
    endedBy: actorSchema.nullable().describe('Who cancelled it, or null'),
    createdAt: z.string().describe('When it was made, RFC 3339 UTC'),
    startedAt: z.string().nullable().describe('When its first command was given, or null'),
    finishedAt: z.string().nullable().describe('When it ended, or null'),
  })
  .meta({ id: 'Job' })
  .describe('A command on many runs');
export type Job = z.infer<typeof jobSchema>;

/** What a job would do now: nothing is written. */
export const jobPreviewSchema = z
  .object({
    dryRun: z.literal(true).describe('Nothing was done'),
    action: jobActionSchema,
    total: z.number().int().describe('Runs that the job would be made for'),
    byStatus: z.record(z.string(), z.number().int()).describe('The same by status'),
    sample: z
      .array(
        z.object({
          id: z.string().describe('Run id'),
          number: z.number().int().describe('Its number'),
          status: runStatusSchema,
          title: z.string().nullable().describe('Title, or null'),
        }),
      )
      .describe('The newest ten'),
  })
  .meta({ id: 'JobPreview' })
  .describe('What a job would be made for');
export type JobPreview = z.infer<typeof jobPreviewSchema>;
