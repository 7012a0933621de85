import type { z } from 'zod';
import { flowFieldsSchema } from '../flow.ts';
import { flowParamsSchema, savedFlowSchema } from './saved-flow.ts';

export const updateFlowParamsSchema = flowParamsSchema;
export const updateFlowBodySchema = flowFieldsSchema
  .partial()
  .describe('What to change: metadata is merged by key, the rest is replaced');
export type UpdateFlowBody = z.infer<typeof updateFlowBodySchema>;
export const updateFlowReplySchema = savedFlowSchema;
