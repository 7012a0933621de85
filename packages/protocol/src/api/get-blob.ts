import { z } from 'zod';
import { idParameter } from './parameter.ts';

/** The reply is the bytes themselves, with their media type. */
export const getBlobParamsSchema = z.object({
  runId: idParameter('Run id'),
  digest: z
    .string()
    .regex(/^(blob:)?sha256-[0-9a-f]{64}$/, { error: 'expected sha256-<hex>' })
    .describe('sha256-<hex>, with or without blob:'),
});
export type GetBlobParams = z.infer<typeof getBlobParamsSchema>;
