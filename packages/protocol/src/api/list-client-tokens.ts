import { clientTokenSchema } from '../client-token.ts';
import { pageQuerySchema, pageSchema } from './page.ts';

export const listClientTokensQuerySchema = pageQuerySchema;
export const listClientTokensReplySchema = pageSchema(
  clientTokenSchema,
  'Client tokens, oldest first, revoked ones too',
);
