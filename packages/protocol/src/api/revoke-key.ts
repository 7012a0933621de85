import { keyParamsSchema, keySchema } from './key.ts';

export const revokeKeyParamsSchema = keyParamsSchema;
export const revokeKeyReplySchema = keySchema;
