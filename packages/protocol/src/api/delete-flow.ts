import { flowParamsSchema } from './saved-flow.ts';

/** The reply is 204 without a body. */
export const deleteFlowParamsSchema = flowParamsSchema;
