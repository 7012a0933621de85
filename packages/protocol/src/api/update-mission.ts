import { z } from 'zod';
import { missionSchema } from '../mission.ts';
import { missionFieldsShape, missionMetadataSchema, missionParamsSchema } from './mission-fields.ts';

export const updateMissionParamsSchema = missionParamsSchema;
export const updateMissionBodySchema = z
  .strictObject({
    name: z.string().min(1).max(200).optional().describe('Name'),
    ...missionFieldsShape,
    metadata: missionMetadataSchema.describe('Merge patch of the metadata (RFC 7396): null removes a member'),
  })
  .describe('What to change');
export type UpdateMissionBody = z.infer<typeof updateMissionBodySchema>;
export const updateMissionReplySchema = missionSchema;
