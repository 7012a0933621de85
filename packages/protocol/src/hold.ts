import { z } from 'zod';
import { actorSchema } from './actor.ts';

export const holdSchema = z
  .object({
    name: z.string().describe('operator, budget, policy, parent, provider, or the caller’s own'),
    reason: z.string().nullable().describe('Why, or null'),
    by: actorSchema,
    since: z.string().describe('Since when, RFC 3339 UTC'),
    stopClock: z.boolean().describe('Deadlines of waits stand still while it is on'),
    tree: z.boolean().optional().describe('Its child runs are held with it'),
  })
  .describe('A named reason not to go on');
export type Hold = z.infer<typeof holdSchema>;

/** Names of holds: the reserved ones and the caller's own. */
export const holdNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/)
  .describe('Name of a hold: operator, budget, policy, parent, provider, or your own');
