import { z } from 'zod';
import { actorSchema } from './actor.ts';
import { deadlineStepSchema, onExpireSchema } from './agent.ts';
import { jsonObjectSchema, looseJsonSchema } from './json.ts';
import { roleSchema } from './status.ts';

export const waitKindSchema = z
  .enum(['approval', 'tool_output', 'input', 'timer', 'run', 'in_doubt'])
  .describe(
    'approval: may this call be made. tool_output: the caller executes. input: a question. timer: a time. run: a child run. in_doubt: a call of which nobody knows whether it happened',
  );
export type WaitKind = z.infer<typeof waitKindSchema>;

export const waitStateSchema = z
  .enum(['open', 'resolved', 'expired', 'superseded', 'cancelled'])
  .describe('Where the wait stands; all but open are final');
export type WaitState = z.infer<typeof waitStateSchema>;

/** How a wait was decided: the first answer wins, and this is what every later one is told. */
export const resolutionSchema = z
  .object({
    outcome: z
      .string()
      .describe(
        'approve, deny, output, error, value, fire, done, retry, skip, finished, expired, superseded, cancelled',
      ),
    value: looseJsonSchema.nullable().describe('The value given, or null'),
    editedArgs: looseJsonSchema.nullable().describe('Arguments put in place of the model’s, or null'),
    reason: z.string().nullable().describe('Why, or null'),
    by: actorSchema,
    at: z.string().describe('When, RFC 3339 UTC'),
    digestSeen: z.string().nullable().describe('Digest that the answer named, or null'),
    digest: z.string().nullable().describe('SHA-256 of the canonical call, or null'),
    via: z.string().describe('The face through which the answer came'),
    remember: z.enum(['run']).nullable().describe('Approved for the rest of the run, or null'),
    role: roleSchema.optional().describe('Role of whoever decided; absent when the server did'),
    policy: z.string().optional().describe('Rule that asked for the approval'),
  })
  .describe('How the wait was decided');
export type Resolution = z.infer<typeof resolutionSchema>;

/** What `wait.opened` carries and the waits table keeps, besides the state. */
export const waitBodySchema = z.object({
  id: z.string().describe('Id, wait_…'),
  kind: waitKindSchema,
  prompt: z.string().describe('What is asked, for a person to read'),
  callId: z.string().nullable().describe('The tool call that owns it, or null'),
  tool: z.string().nullable().describe('Tool name, or null'),
  args: looseJsonSchema.nullable().describe('Exact arguments of the call, or null'),
  digest: z.string().nullable().describe('SHA-256 (hex) over the canonical JSON of {tool, args}, or null'),
  schema: jsonObjectSchema
    .nullable()
    .describe('JSON Schema 2020-12 of the answer’s value (approval: of editedArgs), or null'),
  childRunId: z.string().nullable().describe('run: the child, or null'),
  approvers: z.array(z.string()).nullable().describe('Who may decide, or null for every operator'),
  policy: z
    .string()
    .nullable()
    .optional()
    .describe(
      'approval: what asks for it, always, digest_mismatch (the call is not the one that was approved), or the rule as JSON',
    ),
  assignee: z.string().nullable().describe('Principal id or group, or null'),
  deadline: z.array(deadlineStepSchema).describe('Deadline ladder'),
  deadlineAt: z.string().nullable().describe('When the next step is due, or null; timer: when it fires'),
  onExpire: onExpireSchema,
});
export type WaitBody = z.infer<typeof waitBodySchema>;

export const waitSchema = waitBodySchema
  .extend({
    runId: z.string().describe('The run'),
    state: waitStateSchema,
    clockStopped: z.boolean().describe('A hold has stopped its clock'),
    remainingSeconds: z.number().nullable().describe('Time left while the clock is stopped, or null'),
    snoozedUntil: z.string().nullable().describe('Not to be shown before, or null'),
    openedAt: z.string().describe('When it was opened, RFC 3339 UTC'),
    resolution: resolutionSchema.nullable().describe('How it was decided, or null'),
  })
  .meta({ id: 'Wait' })
  .describe('Something that a run needs from outside');
export type Wait = z.infer<typeof waitSchema>;

export const openWaitSchema = z
  .object({
    id: z.string().describe('Wait id'),
    runId: z.string().describe('The run that waits; a child’s id for a child’s wait'),
    kind: waitKindSchema,
    callId: z.string().nullable().describe('Tool call, or null'),
    tool: z.string().nullable().describe('Tool name, or null'),
    since: z.string().describe('When it was opened'),
    deadlineAt: z.string().nullable().describe('When its next step is due, or null'),
  })
  .describe('An open wait in short');
export type OpenWait = z.infer<typeof openWaitSchema>;

/** The body of answerWait: one shape per kind. Which one fits is checked against the wait. */
export const answerBodySchema = z
  .strictObject({
    decision: z.enum(['approve', 'deny']).optional().describe('approval: the decision'),
    digest: z.string().optional().describe('approval: the digest of the call as it was shown'),
    editedArgs: jsonObjectSchema.optional().describe('approval: full replacement of the arguments'),
    remember: z.literal('run').optional().describe('approval: approve this tool for the rest of the run'),
    reason: z.string().max(10_000).optional().describe('Why'),
    output: looseJsonSchema.optional().describe('tool_output: the result; in_doubt done: the result'),
    error: z.string().max(100_000).optional().describe('tool_output: the tool failed, with this message'),
    value: looseJsonSchema.optional().describe('input: the answer'),
    outcome: z
      .enum(['fire', 'done', 'retry', 'skip'])
      .optional()
      .describe('timer: fire. in_doubt: done, retry, skip'),
  })
  .describe('The answer to a wait');
export type AnswerBody = z.infer<typeof answerBodySchema>;
