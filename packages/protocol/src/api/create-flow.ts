import { z } from 'zod';
import { flowFieldsSchema } from '../flow.ts';
import { savedFlowSchema } from './saved-flow.ts';

export const createFlowBodySchema = flowFieldsSchema
  .extend({ name: z.string().min(1).max(200).describe('Name') })
  .describe('The flow');
export type CreateFlowBody = z.infer<typeof createFlowBodySchema>;
export const createFlowReplySchema = savedFlowSchema;
