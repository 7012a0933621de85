import { z } from 'zod';

/** Who did something: always taken from the credential, never from a request body. */
export const actorSchema = z
  .object({
    type: z.enum(['principal', 'key', 'system', 'agent']).describe('What kind of actor'),
    id: z.string().describe('Id of the principal, key or run; a component name for system'),
    name: z.string().describe('Name for a person to read'),
  })
  .describe('Who did it');
export type Actor = z.infer<typeof actorSchema>;

/** The server itself, in one of its parts, such as `sweep` or `driver`. */
export function systemActor(part: string): Actor {
  return { type: 'system', id: part, name: `Fermata (${part})` };
}
