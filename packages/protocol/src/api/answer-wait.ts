import { answerBodySchema } from '../wait.ts';
import { waitChangedSchema, waitParamsSchema } from './changed.ts';

export const answerWaitParamsSchema = waitParamsSchema;
export const answerWaitBodySchema = answerBodySchema;
export const answerWaitReplySchema = waitChangedSchema;
