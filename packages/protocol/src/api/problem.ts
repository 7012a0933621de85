import { z } from 'zod';
import { actorSchema } from '../actor.ts';
import { ERROR_CODES, type ErrorCode } from '../error-code.ts';
import { holdSchema } from '../hold.ts';
import { runStatusSchema } from '../status.ts';
import { openWaitSchema } from '../wait.ts';

const codes = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

/** RFC 9457 `application/problem+json`, the body of every error of the native API. */
export const problemSchema = z
  .object({
    type: z.string().describe('Where the code is explained: /docs/errors#<code>'),
    title: z.string().describe('The code in words'),
    status: z.number().int().describe('HTTP status'),
    detail: z.string().describe('What happened'),
    instance: z.string().describe('Request id, as in the server’s log'),
    code: z.enum(codes).describe('Error code; match on this'),
    retryable: z.boolean().describe('The same request may work later'),
    errors: z
      .array(
        z.object({
          path: z.string().describe('Where, such as body.agent.tools[0].name'),
          message: z.string().describe('What is wrong there'),
        }),
      )
      .optional()
      .describe('What is not valid'),
    currentStatus: runStatusSchema.optional().describe('Status of the run now'),
    openWaits: z.array(openWaitSchema).optional().describe('Open waits of the run'),
    holds: z.array(holdSchema).optional().describe('Holds that are on'),
    winner: z
      .object({
        by: actorSchema,
        at: z.string().describe('When'),
        outcome: z.string().describe('What was decided'),
        digest: z.string().nullable().describe('Digest of what won, or null'),
      })
      .optional()
      .describe('Who was first, on a lost race'),
    digest: z.string().optional().describe('The current digest, on digest_required and digest_mismatch'),
    retryAfterMs: z.number().int().optional().describe('Try again after this time, ms'),
  })
  .meta({ id: 'Problem' })
  .describe('An error');
export type Problem = z.infer<typeof problemSchema>;
