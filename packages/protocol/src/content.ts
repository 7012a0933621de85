import { z } from 'zod';
import { isJsonObject, type Json } from './json.ts';

export const textPartSchema = z.object({
  type: z.literal('text').describe('Plain text'),
  text: z.string().describe('The text'),
});

/** An image or file: `url` is `http(s):`, a `data:` URI on the way in, or `blob:sha256-<hex>` once stored. */
export const imagePartSchema = z.object({
  type: z.literal('image').describe('An image'),
  url: z.string().describe('http(s) URL, data URI, or blob:sha256-<hex> once stored'),
  mediaType: z.string().optional().describe('Media type, such as image/png'),
});

export const filePartSchema = z.object({
  type: z.literal('file').describe('A file'),
  url: z.string().describe('http(s) URL, data URI, or blob:sha256-<hex> once stored'),
  mediaType: z.string().optional().describe('Media type, such as application/pdf'),
  name: z.string().optional().describe('File name'),
});

export const reasoningPartSchema = z.object({
  type: z.literal('reasoning').describe('What the model thought'),
  text: z.string().describe('The text'),
  signature: z.string().optional().describe('The provider’s proof of it, sent back unchanged'),
});

export const partSchema = z
  .discriminatedUnion('type', [textPartSchema, imagePartSchema, filePartSchema, reasoningPartSchema])
  .describe('A piece of a message');
export type Part = z.infer<typeof partSchema>;

export const contentSchema = z
  .union([z.string(), z.array(partSchema)])
  .describe('A string, or parts {type: text|image|file, …}');
export type Content = z.infer<typeof contentSchema>;

export const messageRoleSchema = z.enum(['user', 'assistant', 'system']).describe('Who speaks');
export type MessageRole = z.infer<typeof messageRoleSchema>;

export interface InputMessage {
  role: MessageRole;
  parts: Part[];
}

/**
 * Content as parts. Anything that is neither a string nor parts is taken as its JSON text, as the native API
 * promises, so that no input is ever refused for its shape.
 */
export function partsOf(content: unknown): Part[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  const parts = z.array(partSchema).min(1).safeParse(content);
  if (parts.success) return parts.data;
  const single = partSchema.safeParse(content);
  if (single.success) return [single.data];
  return [{ type: 'text', text: JSON.stringify(content) ?? '' }];
}

const messagesInputSchema = z.object({
  messages: z.array(z.object({ role: messageRoleSchema.default('user'), content: z.unknown() })).min(1),
});

/** The messages with which a run begins, from its `input`: a string, parts, `{messages}`, or any object. */
export function inputMessages(input: Json | undefined): InputMessage[] {
  if (input === undefined || input === null) return [];
  if (isJsonObject(input) && 'messages' in input) {
    const parsed = messagesInputSchema.safeParse(input);
    if (parsed.success) {
      return parsed.data.messages.map((message) => ({ role: message.role, parts: partsOf(message.content) }));
    }
  }
  return [{ role: 'user', parts: partsOf(input) }];
}

/** The text of parts, joined; other parts are left out. */
export function textOf(parts: readonly Part[]): string {
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
}
