import { clientTokenSchema } from '../client-token.ts';

export const getClientTokenReplySchema = clientTokenSchema;
