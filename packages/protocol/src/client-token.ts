import { z } from 'zod';
import { actorSchema } from './actor.ts';
import { jsonObjectSchema } from './json.ts';

/** How the page of a client token greets its visitors. */
export const clientConfigSchema = z
  .strictObject({
    welcomeMessage: z
      .string()
      .max(4000)
      .nullable()
      .optional()
      .describe('First message of the assistant, or null'),
    placeholder: z.string().max(200).optional().describe('What stands in the empty input field'),
    theme: jsonObjectSchema.optional().describe('Colours and shapes, as the page’s widget names them'),
  })
  .meta({ id: 'ClientConfig' })
  .describe('How the widget on the page looks and greets');
export type ClientConfig = z.infer<typeof clientConfigSchema>;

/** `*`, or a scheme, host and perhaps port, without a path: exactly what browsers send as `Origin`. */
export const clientOriginSchema = z
  .string()
  .max(300)
  .refine((text) => text === '*' || isOrigin(text), {
    error: 'expected * or an origin like https://example.org',
  })
  .describe('`*` for every page, or an origin such as https://example.org');

function isOrigin(text: string): boolean {
  // A pattern would parse as a host of that very name, which no browser sends.
  if (text.includes('*') || !URL.canParse(text)) return false;
  const { origin, protocol } = new URL(text);
  return origin === text && (protocol === 'https:' || protocol === 'http:');
}

export const clientTokenSchema = z
  .object({
    id: z.string().describe('Id, ctok_…'),
    name: z.string().describe('Name'),
    prefix: z.string().describe('First characters of the token, to tell tokens apart'),
    target: z
      .string()
      .nullable()
      .describe('The saved agent or flow that its pages talk to; null: the default'),
    origins: z.array(clientOriginSchema).describe('Pages that may use it'),
    active: z.boolean().describe('False: its pages are turned away until it is active again'),
    config: clientConfigSchema,
    dailyMessageLimit: z
      .number()
      .int()
      .nullable()
      .describe('Messages that all its pages together may send in a day; null: as many as they like'),
    createdBy: actorSchema,
    createdAt: z.string().describe('When it was created, RFC 3339 UTC'),
    updatedAt: z.string().describe('When it last changed'),
    lastUsedAt: z.string().nullable().describe('When a page last began a session with it, or null'),
    revokedAt: z.string().nullable().describe('When it was revoked, for good, or null'),
  })
  .meta({ id: 'ClientToken' })
  .describe('Lets the pages of some origins talk to one agent or flow without a key');
export type ClientToken = z.infer<typeof clientTokenSchema>;

export const clientFeedbackSchema = z
  .object({
    id: z.string().describe('Id, feedback_…'),
    clientTokenId: z.string().describe('Through which token it came'),
    sessionId: z
      .string()
      .describe('Of which session; the runs of the session have it as the actor that created them'),
    conversationId: z.string().describe('Of which conversation'),
    type: z.string().describe('upvote, downvote, copy, csat or nps'),
    messageId: z
      .string()
      .nullable()
      .describe('Of which message, by the page’s id; null: of the conversation'),
    rating: z.number().int().nullable().describe('csat: 1 to 5, nps: 0 to 10'),
    comment: z.string().nullable().describe('In words'),
    metadata: jsonObjectSchema.nullable().describe('The page’s own data'),
    createdAt: z.string().describe('When it was given, RFC 3339 UTC'),
    updatedAt: z.string().describe('When it was last given anew'),
  })
  .meta({ id: 'ClientFeedback' })
  .describe('What a page’s visitor thinks of a reply, or of the conversation');
export type ClientFeedback = z.infer<typeof clientFeedbackSchema>;
