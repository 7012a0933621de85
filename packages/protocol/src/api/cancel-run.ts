import { z } from 'zod';
import { changedSchema, reasonSchema, runParamsSchema } from './changed.ts';

export const cancelRunParamsSchema = runParamsSchema;
export const cancelRunBodySchema = z.strictObject({ reason: reasonSchema.optional() }).describe('Why');
export type CancelRunBody = z.infer<typeof cancelRunBodySchema>;
export const cancelRunReplySchema = changedSchema;
