import { z } from 'zod';

/** Source: the vendor's OpenAPI document, `Pagination` and the agent execution operations. */
export const paginationSchema = z
  .object({
    nextCursor: z.string().nullable().describe('Cursor of the next page; null on the last'),
    prevCursor: z.null().describe('Pages only lead on'),
    hasMore: z.boolean().describe('There is a next page'),
    hasPrev: z.boolean().describe('This is not the first page'),
    limit: z.number().int().describe('How many at most'),
    currentOffset: z.number().int().describe('Always 0: pages go by cursor'),
    totalCount: z.number().int().optional().describe('How many there are, with includeCount'),
  })
  .meta({ id: 'RuntypePagination' })
  .describe('Where the page stands');

/** Source: wire section 2.5; what else stands in the query is ignored. */
export const pageQueryShape = {
  limit: z
    .string()
    .regex(/^\d{1,6}$/, { error: 'expected a whole number' })
    .optional()
    .describe('20 unless told, at most 100'),
  cursor: z.string().min(1).max(2048).optional().describe('nextCursor of the page before'),
  includeCount: z.string().optional().describe('true: with totalCount'),
} as const;

const time = z.iso.datetime({ offset: true, error: 'expected an ISO 8601 time' }).or(z.iso.date()).optional();

export const executionsQuerySchema = z
  .object({
    ...pageQueryShape,
    status: z.string().optional().describe('running, paused, completed, failed or cancelled'),
    surfaceType: z.string().optional().describe('Through which face it was started'),
    from: time.describe('Created at or after'),
    to: time.describe('Created at or before'),
    parentExecutionId: z.string().optional().describe('Only executions that this one has delegated'),
    executionId: z.string().optional().describe('Only this one'),
  })
  .describe('Which executions');

const executionFields = {
  id: z.string().describe('The same as executionId'),
  executionId: z.string().describe('exec_<uuid>'),
  agentId: z.string().nullable().describe('The saved agent or flow, or null'),
  agentSource: z.string().nullable().describe('saved, inline, or null for a flow'),
  parentExecutionId: z.string().nullable().describe('The execution that has delegated it'),
  surfaceType: z.string().nullable().describe('Through which face it was started'),
  status: z.string().describe('running, paused, completed, failed or cancelled'),
  stopReason: z.string().nullable().describe('Why it has ended'),
  iterations: z.number().int().nullable().describe('Model calls'),
  totalCost: z.string().nullable().describe('US dollars; null when a model has no price'),
  totalTokens: z
    .object({ input: z.number().int().describe('Read'), output: z.number().int().describe('Written') })
    .describe('Tokens'),
  startedAt: z.string().nullable().describe('When it was begun'),
  completedAt: z.string().nullable().describe('When it ended'),
  createdAt: z.string().describe('When it was created'),
} as const;

export const executionsReplySchema = z
  .object({
    data: z
      .array(z.object(executionFields).meta({ id: 'RuntypeExecution' }).describe('An execution'))
      .describe('Newest first'),
    pagination: paginationSchema,
  })
  .describe('A page of executions');

export const executionReplySchema = z
  .object({
    ...executionFields,
    inputMessages: z.unknown().describe('What it was begun with'),
    finalOutput: z
      .unknown()
      .describe('The last text of the agent, or the result of the flow; null until it has ended'),
    iterationDetails: z
      .array(
        z
          .object({
            iteration: z.number().int().describe('Model call, from 1'),
            model: z.string().describe('Model'),
            content: z.string().describe('What it said'),
            toolCallsMade: z.number().int().describe('Calls that it asked for'),
            stopReason: z.string().describe('Why it stopped'),
            tokens: z
              .object({
                input: z.number().int().describe('Read'),
                output: z.number().int().describe('Written'),
              })
              .describe('Tokens'),
            cost: z.number().nullable().describe('US dollars, or null'),
            completedAt: z.string().describe('When'),
          })
          .describe('One model call'),
      )
      .describe('Every model call'),
    loopConfig: z
      .object({
        maxTurns: z.number().int().optional().describe('Model calls at most'),
        maxCost: z.number().optional().describe('US dollars at most'),
      })
      .describe('Its limits'),
  })
  .meta({ id: 'RuntypeExecutionDetail' })
  .describe('An execution with what it did');

const toolCallFields = {
  id: z.string().describe('The toolCallId of the stream'),
  toolName: z.string().describe('Tool'),
  toolDescription: z.string().nullable().describe('What the tool does'),
  model: z.string().nullable().describe('Model that asked for it; null: a step of the flow'),
  status: z.string().describe('pending, running, waiting, completed, failed or denied'),
  errorMessage: z.string().nullable().describe('What went wrong'),
  executionTimeMs: z.number().int().nullable().describe('How long it took, waits included'),
  createdAt: z.string().describe('When it was asked for'),
} as const;

export const toolCallsReplySchema = z
  .object({
    toolCalls: z
      .array(
        z
          .object({
            ...toolCallFields,
            iteration: z.number().int().nullable().describe('Model call that asked for it'),
          })
          .meta({ id: 'RuntypeToolCall' })
          .describe('A tool call'),
      )
      .describe('In their order, without arguments and results'),
  })
  .describe('The tool calls of an execution');

export const toolCallReplySchema = z
  .object({
    ...toolCallFields,
    toolId: z.string().nullable().describe('Always null: tools have names'),
    inputParameters: z.unknown().describe('Arguments, as they were executed'),
    outputResult: z.unknown().describe('Result, or null'),
  })
  .meta({ id: 'RuntypeToolCallDetail' })
  .describe('A tool call with arguments and result');
