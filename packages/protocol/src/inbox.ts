import { z } from 'zod';
import { holdSchema } from './hold.ts';
import { runOriginSchema, runStatusSchema } from './status.ts';
import { waitSchema } from './wait.ts';

/** Kinds of waits that somebody outside answers; timers and child runs need nobody. */
export const inboxKindSchema = z
  .enum(['approval', 'input', 'tool_output', 'in_doubt', 'hold'])
  .describe('Kind of the wait; hold: the run is held');
export type InboxKind = z.infer<typeof inboxKindSchema>;

/** What a person is shown unless told: the results of client tools come from programs. */
export const DEFAULT_INBOX_KINDS: readonly InboxKind[] = ['approval', 'input', 'in_doubt', 'hold'];

/** The holds that a person releases; others belong to the program that placed them. */
export const DEFAULT_INBOX_HOLDS: readonly string[] = ['operator', 'budget', 'policy', 'provider'];

/** One thing that needs somebody: a wait, or a hold. */
export const inboxItemSchema = z
  .object({
    id: z.string().describe('Id of the wait, or hold_<run id>_<name>'),
    kind: inboxKindSchema,
    since: z.string().describe('Since when it stands, RFC 3339 UTC'),
    deadlineAt: z.string().nullable().describe('When the next step of its deadline is due, or null'),
    assignee: z.string().nullable().describe('Principal id or group, or null'),
    prompt: z.string().describe('What is asked, or why the run is held'),
    run: z
      .object({
        id: z.string().describe('Run id'),
        number: z.number().int().describe('Number'),
        title: z.string().nullable().describe('Title, or null'),
        status: runStatusSchema,
        origin: runOriginSchema,
        agent: z
          .object({
            id: z.string().nullable().describe('Saved agent, or null'),
            name: z.string().describe('Name'),
          })
          .nullable()
          .describe('The agent, or null'),
      })
      .describe('The run that it belongs to'),
    wait: waitSchema.nullable().describe('The wait; null for a hold'),
    hold: holdSchema.nullable().describe('The hold; null for a wait'),
  })
  .meta({ id: 'InboxItem' })
  .describe('Something that needs somebody now');
export type InboxItem = z.infer<typeof inboxItemSchema>;

const counts = (what: string): z.ZodRecord<z.ZodString, z.ZodNumber> =>
  z.record(z.string(), z.number().int()).describe(what);

export const inboxCountsSchema = z
  .object({
    total: z.number().int().describe('Everything that the list shows unless told'),
    byKind: counts('By kind; tool_output is not part of total'),
    byHold: counts('Held runs by the name of the hold, all names'),
    byAssignee: z
      .array(
        z.object({
          assignee: z.string().nullable().describe('Principal id or group; null: nobody'),
          count: z.number().int().describe('Waits'),
        }),
      )
      .describe('Waits of total by assignee, the most first, at most 100'),
    snoozed: z.number().int().describe('Snoozed waits, which are not counted above'),
    overdue: z.number().int().describe('Waits of total whose deadline has passed'),
  })
  .meta({ id: 'InboxCounts' })
  .describe('How much needs somebody');
export type InboxCounts = z.infer<typeof inboxCountsSchema>;
