import { z } from 'zod';
import { jsonObjectSchema } from '../json.ts';
import { runStatusSchema } from '../status.ts';
import { runParamsSchema } from './changed.ts';

export const receiptKeySchema = z
  .object({
    id: z.string().describe('Id, rkey_ and the first 16 hex digits of the SHA-256 of the public key'),
    algorithm: z.literal('ed25519').describe('Algorithm'),
    publicKey: z.string().describe('The 32 bytes of the public key, base64'),
  })
  .meta({ id: 'ReceiptKey' })
  .describe('A key that signs receipts');
export type ReceiptKey = z.infer<typeof receiptKeySchema>;

export const receiptLinkSchema = z
  .object({
    prev: z.string().nullable().describe('Hash of the link before; null on the first'),
    seq: z.number().int().describe('Seq of the event in the run’s log'),
    type: z.string().describe('Type of the event'),
    at: z.string().describe('When, RFC 3339 UTC'),
    data: jsonObjectSchema.describe('The decision; bodies that may be removed stand as {sha256}'),
    hash: z
      .string()
      .describe('SHA-256 (hex) over the RFC 8785 canonical JSON of {prev, seq, type, at, data}'),
  })
  .meta({ id: 'ReceiptLink' })
  .describe('One decision, chained to the one before');
export type ReceiptLink = z.infer<typeof receiptLinkSchema>;

export const receiptsSchema = z
  .object({
    format: z.literal('fermata.receipts.v1').describe('Format of this document'),
    run: z
      .object({
        id: z.string().describe('Run id'),
        number: z.number().int().describe('Number of the run'),
        organizationId: z.number().int().describe('Organization'),
        status: runStatusSchema,
        head: z.number().int().describe('Last seq of the log when this was signed'),
      })
      .describe('The run, as it was when this was signed'),
    chain: z.array(receiptLinkSchema).describe('The decisions, in order; the first is the run’s creation'),
    head: z.string().nullable().describe('Hash of the last link, as the run’s row has it'),
    key: receiptKeySchema,
    signature: z
      .string()
      .describe('ed25519 over the RFC 8785 canonical JSON of this document without signature, base64'),
  })
  .meta({ id: 'Receipts' })
  .describe('The decisions of a run, signed');
export type Receipts = z.infer<typeof receiptsSchema>;

export const getReceiptsParamsSchema = runParamsSchema;
export const getReceiptsReplySchema = receiptsSchema;
