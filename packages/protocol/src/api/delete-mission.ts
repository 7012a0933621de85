import { missionParamsSchema } from './mission-fields.ts';

export const deleteMissionParamsSchema = missionParamsSchema;
