import { z } from 'zod';
import { changedSchema, reasonSchema, runParamsSchema } from './changed.ts';

export const retryRunParamsSchema = runParamsSchema;
export const retryRunBodySchema = z.strictObject({ reason: reasonSchema.optional() }).describe('Why');
export type RetryRunBody = z.infer<typeof retryRunBodySchema>;
export const retryRunReplySchema = changedSchema;
