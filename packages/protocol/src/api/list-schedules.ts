import { z } from 'zod';
import { scheduleFireSchema, scheduleSchema } from '../schedule.ts';
import { pageQueryShape, pageSchema } from './page.ts';

export const listSchedulesQuerySchema = z
  .strictObject({
    status: z.enum(['active', 'paused']).optional().describe('Only these'),
    ...pageQueryShape,
  })
  .describe('Which schedules');
export const listSchedulesReplySchema = pageSchema(scheduleSchema, 'Schedules, newest first');
export const listScheduleFiresReplySchema = pageSchema(scheduleFireSchema, 'Firings, newest first');
