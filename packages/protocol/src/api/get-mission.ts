import { missionSchema } from '../mission.ts';
import { missionParamsSchema } from './mission-fields.ts';

export const getMissionParamsSchema = missionParamsSchema;
export const getMissionReplySchema = missionSchema;
