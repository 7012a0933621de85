import { z } from 'zod';
import { flowFieldsSchema } from '../flow.ts';
import { idParameter } from './parameter.ts';

export const flowParamsSchema = z.object({ flowId: idParameter('Flow id') });

/** A saved flow. Each change makes a new version; a run keeps the version that it started with. */
export const savedFlowSchema = z
  .object({
    ...flowFieldsSchema.shape,
    id: z.string().describe('Id, flow_…'),
    name: z.string().describe('Name'),
    version: z.number().int().describe('Version, from 1'),
    createdAt: z.string().describe('When it was created, RFC 3339 UTC'),
    updatedAt: z.string().describe('When this version was made, RFC 3339 UTC'),
  })
  .meta({ id: 'Flow' })
  .describe('A saved flow');
export type SavedFlowReply = z.infer<typeof savedFlowSchema>;
