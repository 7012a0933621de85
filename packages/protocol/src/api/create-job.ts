import { z } from 'zod';
import { holdNameSchema } from '../hold.ts';
import { jobActionSchema, jobPreviewSchema, jobSchema } from '../job.ts';
import { reasonSchema } from './changed.ts';
import { listRunsQuerySchema } from './list-runs.ts';

/** Most runs that one job may name. */
export const MAX_JOB_IDS = 10_000;

/** The filters of listRuns, without its pages. */
export const jobFilterSchema = listRunsQuerySchema
  .omit({ limit: true, cursor: true })
  .describe('Which runs: the filters of listRuns. An empty one means every run');
export type JobFilter = z.output<typeof jobFilterSchema>;

export const createJobBodySchema = z
  .strictObject({
    action: jobActionSchema,
    filter: jobFilterSchema.optional(),
    ids: z
      .array(z.guid().describe('Run id'))
      .min(1)
      .max(MAX_JOB_IDS)
      .optional()
      .describe('Which runs, by id'),
    hold: holdNameSchema
      .optional()
      .describe('pause: the hold that is placed. resume: the one that is released'),
    reason: reasonSchema.optional(),
    ratePerSecond: z.number().positive().max(10_000).optional().describe('At most so many commands a second'),
    stopOnErrorShare: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .describe('Stop when more than this share of the runs has refused (looked at from 20 runs on)'),
    dryRun: z.boolean().optional().describe('True: only say for which runs the job would be made'),
  })
  .describe('A command on many runs: give either filter or ids');
export type CreateJobBody = z.output<typeof createJobBodySchema>;
export const createJobReplySchema = jobSchema;
export const previewJobReplySchema = jobPreviewSchema;
