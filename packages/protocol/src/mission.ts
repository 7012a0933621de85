import { z } from 'zod';
import { jsonObjectSchema } from './json.ts';
import { runModeSchema } from './status.ts';

const text = z.string().nullable();

/** What runs are for. A run of a managed mission that names no agent is driven by the mission's own. */
export const missionSchema = z
  .object({
    id: z.uuid().describe('UUID'),
    name: z.string().describe('Name'),
    description: text.describe('What it is about, or null'),
    instructions: text.describe('System prompt of the agent of its managed runs, or null'),
    model: text.describe('Model of the agent of its managed runs, or null for the default one'),
    mode: runModeSchema.describe('Mode of its runs that name none'),
    metadata: jsonObjectSchema.nullable().describe('The caller’s own data, or null'),
    createdAt: z.string().describe('When it was created, RFC 3339 UTC'),
    updatedAt: z.string().describe('When it was last changed, RFC 3339 UTC'),
  })
  .meta({ id: 'Mission' })
  .describe('What runs are for: instructions and a model of its own, and all of its runs');
export type Mission = z.infer<typeof missionSchema>;
