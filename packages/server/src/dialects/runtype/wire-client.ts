import { clientConfigSchema, jsonObjectSchema, looseJsonSchema } from '@fermata/protocol';
import { z } from 'zod';
import { clientToolSchema } from './client-tools.ts';
import { wireMessageSchema } from './decode-messages.ts';

/** Source: wire section 2.7. */
const sessionIdSchema = z.string().min(1).max(200).describe('The session of the page, clsess_…');
const tokenSchema = z.string().min(1).max(200).describe('The client token, ct_…');

/** Members that are not listed, such as identity proofs, are ignored. */
export const clientInitBodySchema = z
  .object({
    token: tokenSchema,
    flowId: z.string().max(200).nullish().describe('The agent or flow that the page means'),
    sessionId: z.string().max(200).nullish().describe('An earlier session, whose conversation goes on'),
    conversationId: z.string().max(200).nullish().describe('Instead: the conversation that goes on'),
  })
  .describe('What the page shows of itself');

export const clientInitReplySchema = z
  .object({
    sessionId: z.string().describe('What the page sends from now on'),
    expiresAt: z.string().describe('When it ends, RFC 3339'),
    conversationId: z.string().describe('The conversation, which later sessions may take up'),
    conversationRevision: z.string().describe('Always 1: the page keeps its transcript'),
    targetId: z.string().optional().describe('The agent or flow of the token, when it has one'),
    flow: z
      .object({
        id: z.string().describe('Its id'),
        name: z.string().describe('Its name'),
      })
      .describe('Whom the page talks to; an agent as well'),
    config: clientConfigSchema.required({ welcomeMessage: true, placeholder: true }),
    durableRecovery: z
      .object({ enabled: z.boolean().describe('Streams may be taken up again') })
      .describe('Whether streams may be taken up again by events?after='),
  })
  .meta({ id: 'RuntypeClientSession' })
  .describe('A session');

/** Images come inside, as in a dispatch. */
export const PAGE_BODY_LIMIT_BYTES = 36 * 1024 * 1024;

/** What is said to the agent on behalf of its operator is not a visitor's to say. */
const pageMessageSchema = wireMessageSchema.extend({
  role: z.enum(['user', 'assistant', 'tool']).describe('Who speaks; a page speaks for nobody else'),
});

/** What the page says of its tools. */
const toolMembers = {
  clientTools: z.array(clientToolSchema).max(200).optional().describe('Its tools; [] : none any more'),
  clientToolsFingerprint: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('Names the tools; alone: those that the session has under it'),
} as const;

export const clientChatBodySchema = z
  .object({
    sessionId: sessionIdSchema,
    messages: z.array(pageMessageSchema).min(1).max(5_000).describe('The transcript'),
    assistantMessageId: z.string().max(200).optional().describe('The page’s id of the reply to come'),
    ...toolMembers,
    inputs: jsonObjectSchema.optional().describe('Variables'),
    metadata: jsonObjectSchema.optional().describe('The page’s own data'),
    context: looseJsonSchema.optional().describe('The page’s own data'),
  })
  .describe('A message of the visitor, with what was said before');

export type ClientChatBody = z.output<typeof clientChatBodySchema>;

export const clientResumeBodySchema = z
  .object({
    sessionId: sessionIdSchema,
    executionId: z.string().min(1).max(200).describe('The execution that waits'),
    toolOutputs: jsonObjectSchema.optional().describe('By call id or tool name'),
    messages: z.array(pageMessageSchema).max(5_000).optional().describe('Appended to the conversation'),
    streamResponse: z.boolean().default(true).describe('false: answer with JSON'),
    ...toolMembers,
  })
  .describe('Results of the page’s tools');

export const clientApproveBodySchema = z
  .object({
    sessionId: sessionIdSchema,
    executionId: z.string().min(1).max(200).describe('The execution that waits'),
    approvalId: z.string().min(1).max(200).describe('What is decided'),
    decision: z.enum(['approved', 'denied']).describe('How'),
    reason: z.string().max(10_000).optional().describe('Why'),
    streamResponse: z.boolean().default(true).describe('false: answer with JSON'),
  })
  .describe('The visitor’s decision');

/** Rows of visitors are kept for long. */
export const FEEDBACK_BODY_LIMIT_BYTES = 32 * 1024;
const MAX_METADATA_BYTES = 4 * 1024;

const OF_A_MESSAGE = ['upvote', 'downvote', 'copy'];

export const clientFeedbackBodySchema = z
  .object({
    sessionId: sessionIdSchema,
    token: tokenSchema.nullish(),
    type: z.enum(['upvote', 'downvote', 'copy', 'csat', 'nps']).describe('What kind'),
    messageId: z.string().min(1).max(200).nullish().describe('Of which message'),
    rating: z.number().int().nullish().describe('csat: 1 to 5, nps: 0 to 10'),
    comment: z.string().max(10_000).nullish().describe('In words'),
    metadata: jsonObjectSchema
      .refine((metadata) => Buffer.byteLength(JSON.stringify(metadata)) <= MAX_METADATA_BYTES, {
        message: `at most ${MAX_METADATA_BYTES} bytes of JSON`,
      })
      .nullish()
      .describe('The page’s own data, at most 4 KiB'),
  })
  .superRefine(({ type, messageId, rating }, context) => {
    const required = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message, input: undefined });
    if (OF_A_MESSAGE.includes(type) && (messageId === undefined || messageId === null)) {
      required('messageId', `is required for ${type}`);
    }
    const [least, most] = type === 'csat' ? [1, 5] : type === 'nps' ? [0, 10] : [null, null];
    if (least === null) return;
    if (rating === undefined || rating === null || rating < least || rating > most) {
      required('rating', `expected ${least} to ${most} for ${type}`);
    }
  })
  .describe('What the visitor thinks of a reply, or of the conversation');

export const clientFeedbackReplySchema = z
  .object({
    success: z.literal(true).describe('Always true'),
    feedbackId: z.string().describe('One for each type and message in a session'),
    message: z.string().optional().describe('More words'),
  })
  .describe('It is kept');
