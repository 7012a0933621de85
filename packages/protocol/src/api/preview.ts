import { z } from 'zod';
import { afterCrashSchema } from '../agent.ts';
import { runErrorSchema } from '../event.ts';
import { holdSchema } from '../hold.ts';
import { looseJsonSchema } from '../json.ts';
import { runStatusSchema } from '../status.ts';
import { openWaitSchema, waitBodySchema, waitKindSchema } from '../wait.ts';
import { booleanParameter } from './parameter.ts';

/** The query of every command that can tell what it would do. */
export const dryRunQuerySchema = z.strictObject({
  dryRun: booleanParameter('Only tell what would happen: nothing is changed').optional(),
});
export type DryRunQuery = z.output<typeof dryRunQuerySchema>;

export const previewNextSchema = z
  .enum(['turn', 'calls', 'step', 'in_flight', 'waits', 'held', 'later', 'client', 'ended'])
  .describe(
    'What the run would do next. turn: a model call starts at once. calls: the calls are made. step: a step of its flow ends or begins, and what follows depends on it. in_flight: the step under way goes on, and what follows depends on it. waits: nothing, until an open wait is answered. held: nothing, until a hold is released. later: nothing before startAt. client: its client drives it. ended: it has ended',
  );
export type PreviewNext = z.infer<typeof previewNextSchema>;

export const previewCallSchema = z
  .object({
    callId: z.string().describe('The call'),
    tool: z.string().describe('Tool name'),
    args: looseJsonSchema.describe('The exact arguments with which it would be made'),
    digest: z.string().describe('SHA-256 (hex) over the canonical JSON of {tool, args}'),
    outcome: z
      .enum(['request', 'wait', 'fail'])
      .describe('request: it is made. wait: something is asked first. fail: it cannot be made'),
    attempt: z.number().int().nullable().describe('request: the how-manieth request it would be, from 1'),
    idempotencyKey: z.string().nullable().describe('request: the key under which it is made'),
    afterCrash: afterCrashSchema.nullable().describe('request: what happens when its outcome is not known'),
    waitKind: waitKindSchema.nullable().describe('wait: what is asked; approval: it may only be made then'),
    error: runErrorSchema.nullable().describe('fail: why; the model sees it'),
    checked: z
      .boolean()
      .describe('False for a tool of an MCP server: the server was not asked whether it still has this tool'),
  })
  .describe('A tool call that would be taken up');
export type PreviewCall = z.infer<typeof previewCallSchema>;

export const previewLimitSchema = z
  .object({
    name: z
      .string()
      .describe('maxTurns, maxTokens, maxCostUsd, maxToolCalls, maxActiveSeconds or deadlineAt'),
    limit: z.union([z.number(), z.string()]).describe('The limit as it would be then'),
    used: z.union([z.number(), z.string()]).describe('What counts against it now; deadlineAt: the time now'),
    share: z.number().describe('How much of it is used, 1 is all'),
    state: z.enum(['near', 'reached']).describe('near: 80 % or more. reached: it stops the next step'),
  })
  .describe('A limit that is near or reached');
export type PreviewLimit = z.infer<typeof previewLimitSchema>;

export const previewWarningSchema = z
  .object({
    code: z
      .enum([
        'nothing_changes',
        'model_not_configured',
        'tools_not_usable',
        'mcp_not_checked',
        'limit_near',
        'limit_reached',
        'no_price',
        'step_in_flight',
        'call_fails',
        'in_doubt',
      ])
      .describe('What to look at'),
    message: z.string().describe('The same in words'),
  })
  .describe('Something that may not be as wished');
export type PreviewWarning = z.infer<typeof previewWarningSchema>;

/** What a command would bring about, told without doing it. */
export const previewSchema = z
  .object({
    runId: z
      .string()
      .describe('The run that it is about: a child’s own, where a call of a child is answered'),
    changed: z.boolean().describe('False: the command would change nothing'),
    head: z.number().int().describe('Last seq of the log that this was decided on'),
    status: runStatusSchema.describe('Status right after the command'),
    comesTo: runStatusSchema.describe(
      'Status when the run has gone as far as can be told: what follows depends on the model, a tool, a person, the client or time',
    ),
    next: previewNextSchema,
    holds: z.array(holdSchema).describe('Holds that are on then'),
    closes: z
      .array(
        z.object({
          waitId: z.string().describe('Wait id'),
          callId: z.string().nullable().describe('Tool call, or null'),
          outcome: z.string().describe('How it is closed: approve, deny, output, superseded, …'),
        }),
      )
      .describe('Waits that the command closes'),
    openWaits: z.array(openWaitSchema).describe('Waits that stay open'),
    releases: z.array(z.string()).describe('Child runs that go on with it'),
    opens: z
      .array(waitBodySchema.omit({ id: true }))
      .describe('Waits that would be opened then; their ids do not exist yet'),
    calls: z.array(previewCallSchema).describe('Tool calls that would be taken up then'),
    turn: z
      .object({
        number: z.number().int().describe('Turn'),
        attempt: z.number().int().describe('Attempt at it, from 1'),
        model: z.string().describe('Model, provider/name'),
        when: z
          .enum(['now', 'after_calls'])
          .describe('now: at once. after_calls: when every call above has its result'),
        messages: z
          .number()
          .int()
          .describe('Messages that it takes in: queued ones, and those of the command'),
      })
      .nullable()
      .describe('The model turn that would follow, or null'),
    cost: z
      .object({
        inputTokens: z.number().int().describe('About how many tokens the turn reads'),
        outputTokens: z
          .number()
          .int()
          .nullable()
          .describe('What a turn of this run wrote so far, on average'),
        costUsd: z.number().nullable().describe('About what the turn costs; null without a price'),
      })
      .nullable()
      .describe('An estimate of the turn that would follow, or null'),
    limits: z.array(previewLimitSchema).describe('Limits that are near or reached'),
    error: runErrorSchema.nullable().describe('Why the run fails then, or has failed; null otherwise'),
    agent: z
      .object({
        name: z.string().describe('Name'),
        version: z.number().int().nullable().describe('Version that the run keeps, or null'),
        model: z.string().describe('Model of its next turn, as it is named'),
        provider: z.string().nullable().describe('Who answers for the model, or null when nobody does'),
        problem: z.string().nullable().describe('Why the model cannot be called, or null'),
        toolsProblem: z.string().nullable().describe('Why its tools cannot be used, or null'),
        mcpServers: z
          .array(
            z.object({
              name: z.string().describe('Name'),
              url: z.string().describe('Endpoint'),
              checked: z.literal(false).describe('A preview connects to no server'),
            }),
          )
          .describe('Its MCP servers'),
      })
      .nullable()
      .describe('The agent that the run keeps, or null'),
    warnings: z.array(previewWarningSchema).describe('What to look at'),
  })
  .meta({ id: 'Preview' })
  .describe('What the command would bring about');
export type Preview = z.infer<typeof previewSchema>;

export const previewReplySchema = z
  .object({ preview: previewSchema })
  .describe('With dryRun: what would happen; nothing was changed');
export type PreviewReply = z.infer<typeof previewReplySchema>;

/** The reply of a command that may be asked with `dryRun`: its own, or the preview alone. */
export function orPreview<T extends z.ZodType>(reply: T): z.ZodType<z.output<T> | PreviewReply> {
  return z.union([reply, previewReplySchema]);
}
