import { z } from 'zod';
import { organizationSchema } from '../organization.ts';
import { roleSchema } from '../status.ts';
import { principalSchema } from './principal.ts';

/** Who asks, and what answers. */
export const meSchema = z
  .object({
    principal: principalSchema,
    key: z.object({ id: z.string().describe('Key id'), role: roleSchema }).describe('The key that was sent'),
    organization: organizationSchema,
    server: z
      .object({
        version: z.string().describe('Version of the server'),
        faces: z
          .array(
            z.object({
              name: z.string().describe('Name of the API'),
              url: z.string().describe('Base URL for its clients'),
            }),
          )
          .describe('The APIs that it speaks'),
      })
      .describe('The server'),
  })
  .meta({ id: 'Me' })
  .describe('Who asks');
export type MeReply = z.infer<typeof meSchema>;
export const getMeReplySchema = meSchema;
