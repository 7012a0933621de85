import { z } from 'zod';
import { scheduleSchema } from '../schedule.ts';
import { scheduleFieldsShape } from './schedule-body.ts';

export const createScheduleBodySchema = z.strictObject(scheduleFieldsShape).describe('The schedule');
export type CreateScheduleBody = z.infer<typeof createScheduleBodySchema>;
export const createScheduleReplySchema = scheduleSchema;
