import { waitSchema } from '../wait.ts';
import { waitParamsSchema } from './changed.ts';

export const getWaitParamsSchema = waitParamsSchema;
export const getWaitReplySchema = waitSchema;
