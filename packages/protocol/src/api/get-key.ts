import { keyParamsSchema, keySchema } from './key.ts';

export const getKeyParamsSchema = keyParamsSchema;
export const getKeyReplySchema = keySchema;
