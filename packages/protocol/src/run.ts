import { z } from 'zod';
import { actorSchema } from './actor.ts';
import { checkpointSchema, runErrorSchema } from './event.ts';
import { holdSchema } from './hold.ts';
import { jsonObjectSchema, looseJsonSchema } from './json.ts';
import { limitsSchema } from './limits.ts';
import { runKindSchema, runModeSchema, runOriginSchema, runStatusSchema } from './status.ts';
import { openWaitSchema } from './wait.ts';

export const usageSchema = z
  .object({
    turns: z.number().int().describe('Model calls that were completed'),
    toolCalls: z.number().int().describe('Tool calls that were begun'),
    inputTokens: z.number().int().describe('Tokens read'),
    outputTokens: z.number().int().describe('Tokens written'),
    costUsd: z.number().nullable().describe('US dollars; null when a model has no price'),
    activeSeconds: z.number().describe('Seconds in running and pausing'),
    byModel: z
      .record(
        z.string(),
        z.object({
          turns: z.number().int().describe('Model calls'),
          inputTokens: z.number().int().describe('Tokens read'),
          outputTokens: z.number().int().describe('Tokens written'),
          costUsd: z.number().nullable().describe('US dollars, or null'),
        }),
      )
      .describe('The same by model'),
  })
  .describe('What the run has used');
export type Usage = z.infer<typeof usageSchema>;

const nullable = { string: z.string().nullable() };

/** A run, as every reply shows it. */
export const runSchema = z
  .object({
    id: z.uuid().describe('UUIDv7'),
    number: z.number().int().describe('Unique, increasing number'),
    key: nullable.string.describe('The caller’s own unique name, or null'),
    organizationId: z.number().int().describe('Organization'),
    createdBy: actorSchema,
    status: runStatusSchema,
    statusSince: z.string().describe('Since when, RFC 3339 UTC'),
    mode: runModeSchema,
    kind: runKindSchema,
    origin: runOriginSchema,
    agent: z
      .object({
        id: nullable.string.describe('Saved agent, or null for an inline one'),
        name: z.string().describe('Name'),
        model: z.string().describe('Model'),
        version: z.number().int().nullable().describe('Version, or null'),
      })
      .nullable()
      .describe('The agent, or null'),
    flow: z
      .object({ id: nullable.string.describe('Saved flow, or null'), name: z.string().describe('Name') })
      .nullable()
      .describe('The flow, or null'),
    title: nullable.string.describe('Title, or null'),
    sessionId: nullable.string.describe('Session, or null'),
    missionId: nullable.string.describe('Mission, or null'),
    parentId: nullable.string.describe('Parent run, or null'),
    forkedFrom: z
      .object({ runId: z.string().describe('Original'), seq: z.number().int().describe('Last event copied') })
      .nullable()
      .describe('Where it was forked from, or null'),
    input: looseJsonSchema.nullable().describe('Input'),
    output: looseJsonSchema
      .nullable()
      .describe('Last assistant text or structured result; null until the run has ended'),
    summary: nullable.string.describe('Summary, or null'),
    error: runErrorSchema.nullable().describe('Why it failed, or null'),
    endedBy: z
      .object({ actor: actorSchema, reason: nullable.string.describe('Why, or null') })
      .nullable()
      .describe('Who ended it, or null'),
    holds: z.array(holdSchema).describe('Holds that are on'),
    openWaits: z.array(openWaitSchema).describe('What it needs from outside'),
    sealed: z
      .object({
        by: actorSchema,
        at: z.string().describe('When'),
        reason: nullable.string.describe('Why, or null'),
      })
      .nullable()
      .describe('Sealed by whom, or null'),
    checkpoint: checkpointSchema.nullable().describe('Last checkpoint, or null'),
    head: z.number().int().describe('Last seq of the log'),
    turn: z.number().int().describe('Current turn; 0 before the first'),
    usage: usageSchema,
    limits: limitsSchema,
    metadata: jsonObjectSchema.describe('The caller’s own data'),
    face: jsonObjectSchema.nullable().describe('What the starting dialect must echo, or null'),
    startAt: nullable.string.describe('Not before, or null'),
    createdAt: z.string().describe('When it was created'),
    startedAt: nullable.string.describe('When it was started, or null'),
    updatedAt: z.string().describe('When its log last moved'),
    finishedAt: nullable.string.describe('When it ended, or null'),
  })
  .meta({ id: 'Run' })
  .describe('One execution of an agent or flow');
export type Run = z.infer<typeof runSchema>;
