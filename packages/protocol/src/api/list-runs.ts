import { z } from 'zod';
import { runSchema } from '../run.ts';
import { runOriginSchema, runStatusSchema } from '../status.ts';
import { pageQueryShape, pageSchema } from './page.ts';
import { listParameter, timeParameter } from './parameter.ts';

const names = (what: string): z.ZodOptional<z.ZodType<string[], unknown>> =>
  listParameter(z.string().max(200), what).optional();

/** The filters of listRuns; bulk jobs take the same. */
export const listRunsQuerySchema = z
  .strictObject({
    status: listParameter(runStatusSchema, 'Statuses, comma list').optional(),
    kind: names('Kinds, comma list'),
    agent: names('Agent ids, comma list'),
    flow: names('Flow ids, comma list'),
    origin: listParameter(runOriginSchema, 'Faces that started it, comma list').optional(),
    session: z.string().max(200).optional().describe('Session id'),
    mission: z.string().max(200).optional().describe('Mission id'),
    parent: z.string().max(200).optional().describe('Parent run id'),
    hold: names('Names of holds that are on, comma list'),
    errorCode: names('Error codes, comma list'),
    createdBy: names('Principal ids, comma list'),
    key: z.string().max(200).optional().describe('The run’s own key'),
    metadata: z
      .record(z.string(), z.string())
      .optional()
      .describe('metadata.<key>=<value>: runs whose metadata has this member'),
    createdAfter: timeParameter('Created after').optional(),
    createdBefore: timeParameter('Created before').optional(),
    q: z.string().max(1000).optional().describe('Free text over title and input'),
    ...pageQueryShape,
  })
  .describe('Which runs');
export type ListRunsQuery = z.output<typeof listRunsQuerySchema>;

export const listRunsReplySchema = pageSchema(runSchema, 'Runs, newest first');
export type ListRunsReply = z.infer<typeof listRunsReplySchema>;
