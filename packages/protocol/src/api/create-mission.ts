import { z } from 'zod';
import { missionSchema } from '../mission.ts';
import { missionFieldsShape, missionMetadataSchema } from './mission-fields.ts';

export const createMissionBodySchema = z
  .strictObject({
    name: z.string().min(1).max(200).describe('Name'),
    ...missionFieldsShape,
    metadata: missionMetadataSchema,
  })
  .describe('The mission');
export type CreateMissionBody = z.infer<typeof createMissionBodySchema>;
export const createMissionReplySchema = missionSchema;
