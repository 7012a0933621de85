import { clientTokenSchema } from '../client-token.ts';

export const revokeClientTokenReplySchema = clientTokenSchema;
