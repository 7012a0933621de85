import { z } from 'zod';
import { integerParameter } from './parameter.ts';
import { flowParamsSchema, savedFlowSchema } from './saved-flow.ts';

export const getFlowParamsSchema = flowParamsSchema;
export const getFlowQuerySchema = z.strictObject({
  version: integerParameter('Version; absent: the newest', { min: 1 }).optional(),
});
export type GetFlowQuery = z.output<typeof getFlowQuerySchema>;
export const getFlowReplySchema = savedFlowSchema;
