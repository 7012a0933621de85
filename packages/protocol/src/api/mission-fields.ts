import { z } from 'zod';
import { jsonObjectSchema } from '../json.ts';
import { runModeSchema } from '../status.ts';
import { idParameter } from './parameter.ts';

export const missionParamsSchema = z.object({ missionId: idParameter('Mission id') });

/** What of a mission its caller sets; null clears. */
export const missionFieldsShape = {
  description: z.string().max(100_000).nullable().optional().describe('What it is about'),
  instructions: z.string().max(200_000).nullable().optional().describe('System prompt of its managed runs'),
  model: z.string().min(1).max(200).nullable().optional().describe('Model of its managed runs'),
  mode: runModeSchema.optional().describe('Mode of its runs that name none; external unless told'),
};
export const missionMetadataSchema = jsonObjectSchema.optional().describe('Your own data');
