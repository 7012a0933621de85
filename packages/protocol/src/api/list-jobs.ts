import { z } from 'zod';
import { jobActionSchema, jobSchema, jobStatusSchema } from '../job.ts';
import { pageQueryShape, pageSchema } from './page.ts';
import { listParameter } from './parameter.ts';

export const listJobsQuerySchema = z
  .strictObject({
    status: listParameter(jobStatusSchema, 'Statuses, comma list').optional(),
    action: listParameter(jobActionSchema, 'Actions, comma list').optional(),
    ...pageQueryShape,
  })
  .describe('Which jobs');
export type ListJobsQuery = z.output<typeof listJobsQuerySchema>;
export const listJobsReplySchema = pageSchema(jobSchema, 'Bulk jobs, newest first');
export type ListJobsReply = z.infer<typeof listJobsReplySchema>;
