import { z } from 'zod';
import { scheduleSchema } from '../schedule.ts';
import { scheduleFieldsShape } from './schedule-body.ts';

export const updateScheduleBodySchema = z
  .strictObject({
    ...z.object(scheduleFieldsShape).partial().shape,
    status: z.enum(['active', 'paused']).optional().describe('Pause it, or let it go on'),
    reason: z.string().max(10_000).optional().describe('Why it is paused'),
  })
  .describe('What changes');
export const updateScheduleReplySchema = scheduleSchema;
