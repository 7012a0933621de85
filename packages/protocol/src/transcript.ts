import { z } from 'zod';
import { actorSchema } from './actor.ts';
import { messageRoleSchema, partSchema } from './content.ts';
import { looseJsonSchema } from './json.ts';

/** Where a tool call stands. `ready`: to be requested. `in_doubt`: requested, and nobody knows the outcome. */
export const callStateSchema = z
  .enum(['ready', 'running', 'waiting', 'in_doubt', 'completed', 'failed', 'denied'])
  .describe('Where the call stands');
export type CallState = z.infer<typeof callStateSchema>;

export const transcriptCallSchema = z
  .object({
    callId: z.string().describe('Id of the call, unique within the run'),
    providerCallId: z.string().nullable().describe('The model provider’s id of the call'),
    tool: z.string().describe('Tool name'),
    args: looseJsonSchema.describe('Arguments that the model gave'),
    editedArgs: looseJsonSchema
      .nullable()
      .describe('Arguments that the approver put in their place, or null'),
    approved: z.boolean().describe('An approval was given'),
    attempt: z.number().int().describe('How often it was requested'),
    state: callStateSchema,
    output: looseJsonSchema.nullable().describe('Result, or null'),
    error: z
      .object({ code: z.string().describe('Code'), message: z.string().describe('Message') })
      .nullable()
      .describe('Error that the model sees, or null'),
  })
  .describe('A tool call with its state and result');
export type TranscriptCall = z.infer<typeof transcriptCallSchema>;

export const transcriptMessageSchema = z
  .object({
    id: z.string().nullable().describe('The client’s own message id, or null'),
    seq: z.number().int().describe('Event that holds the message'),
    at: z.string().describe('When, RFC 3339 UTC'),
    role: messageRoleSchema,
    by: actorSchema.nullable().describe('Who sent it; null for the model'),
    turn: z.number().int().nullable().describe('Turn of an assistant message; null for others'),
    parts: z.array(partSchema).describe('Content'),
    calls: z.array(transcriptCallSchema).describe('Tool calls of an assistant message'),
  })
  .describe('A message of the conversation');
export type TranscriptMessage = z.infer<typeof transcriptMessageSchema>;
