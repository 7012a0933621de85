import { z } from 'zod';
import { clientTokenSchema } from '../client-token.ts';
import { clientTokenFieldsShape, clientTokenNameAndOriginsShape } from './client-token-fields.ts';

export const createClientTokenBodySchema = z
  .strictObject({ ...clientTokenNameAndOriginsShape, ...clientTokenFieldsShape })
  .describe('The token');
export type CreateClientTokenBody = z.infer<typeof createClientTokenBodySchema>;
export const createClientTokenReplySchema = clientTokenSchema
  .extend({
    token: z
      .string()
      .nullable()
      .describe('The token itself, ct_…, shown this once; null in a replayed reply'),
  })
  .meta({ id: 'NewClientToken' })
  .describe('The client token with what pages send');
export type CreateClientTokenReply = z.infer<typeof createClientTokenReplySchema>;
