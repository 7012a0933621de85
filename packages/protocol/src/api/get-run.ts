import { runSchema } from '../run.ts';
import { runParamsSchema } from './changed.ts';

export const getRunParamsSchema = runParamsSchema;
export const getRunReplySchema = runSchema;
