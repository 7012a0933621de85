import { principalParamsSchema, principalSchema } from './principal.ts';

export const getPrincipalParamsSchema = principalParamsSchema;
export const getPrincipalReplySchema = principalSchema;
