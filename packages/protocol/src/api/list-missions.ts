import { z } from 'zod';
import { missionSchema } from '../mission.ts';
import { pageQueryShape, pageSchema } from './page.ts';

export const listMissionsQuerySchema = z
  .strictObject({
    name: z.string().max(1000).optional().describe('Missions of exactly this name'),
    metadata: z
      .record(z.string(), z.string())
      .optional()
      .describe('metadata.<key>=<value>: missions whose metadata has this member'),
    ...pageQueryShape,
  })
  .describe('Which missions');
export type ListMissionsQuery = z.output<typeof listMissionsQuerySchema>;
export const listMissionsReplySchema = pageSchema(
  missionSchema,
  'Missions, newest first; last the one that holds the runs without a mission',
);
