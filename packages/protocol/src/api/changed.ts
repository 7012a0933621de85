import { z } from 'zod';
import { runSchema } from '../run.ts';
import { waitSchema } from '../wait.ts';
import { idParameter } from './parameter.ts';

/** The path of a run. */
export const runParamsSchema = z.object({ runId: idParameter('Run id') });
export type RunParams = z.infer<typeof runParamsSchema>;

/** The path of a wait. */
export const waitParamsSchema = z.object({ waitId: idParameter('Wait id') });
export type WaitParams = z.infer<typeof waitParamsSchema>;

/** What every command on a run answers. */
export const changedSchema = z
  .object({
    run: runSchema,
    changed: z.boolean().describe('False when the command had taken effect already'),
  })
  .describe('The run after the command');
export type ChangedReply = z.infer<typeof changedSchema>;

/** What every command on a wait answers. */
export const waitChangedSchema = changedSchema
  .extend({ wait: waitSchema })
  .describe('The wait and its run after the command');
export type WaitChangedReply = z.infer<typeof waitChangedSchema>;

export const reasonSchema = z.string().max(10_000).describe('Why; kept in the log');
