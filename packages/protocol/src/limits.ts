import { z } from 'zod';

const count = (what: string): z.ZodOptional<z.ZodNullable<z.ZodNumber>> =>
  z.number().int().positive().nullable().optional().describe(what);

/** Limits of a run. `null` in a PATCH removes one. The counting ones start anew when a run is reopened. */
export const limitsSchema = z
  .strictObject({
    maxTurns: count('Model calls'),
    maxTokens: count('Input and output tokens together'),
    maxCostUsd: z.number().positive().nullable().optional().describe('US dollars, by the price table'),
    maxToolCalls: count('Tool calls'),
    maxActiveSeconds: count('Seconds in running or pausing'),
    deadlineAt: z.iso
      .datetime({ offset: true })
      .nullable()
      .optional()
      .describe('When the run must have ended (absolute)'),
  })
  .describe('Limits of the run; a missing one does not limit');
export type Limits = z.infer<typeof limitsSchema>;
export type CountingLimit = Exclude<keyof Limits, 'deadlineAt'>;

export const onLimitSchema = z
  .enum(['pause', 'fail'])
  .describe('At a limit: pause (a budget hold, which a resume may raise) or fail');
export type OnLimit = z.infer<typeof onLimitSchema>;

export const onProviderFailureSchema = z
  .enum(['fail', 'hold'])
  .describe('When retries of the model provider are used up: fail, or hold (a provider hold)');
export type OnProviderFailure = z.infer<typeof onProviderFailureSchema>;
