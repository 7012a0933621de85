import { z } from 'zod';
import { clientTokenSchema } from '../client-token.ts';
import { clientTokenFieldsShape, clientTokenNameAndOriginsShape } from './client-token-fields.ts';

export const updateClientTokenBodySchema = z
  .strictObject({
    name: clientTokenNameAndOriginsShape.name.optional(),
    origins: clientTokenNameAndOriginsShape.origins.optional(),
    ...clientTokenFieldsShape,
  })
  .describe('What changes; each member is replaced as a whole');
export type UpdateClientTokenBody = z.infer<typeof updateClientTokenBodySchema>;
export const updateClientTokenReplySchema = clientTokenSchema;
