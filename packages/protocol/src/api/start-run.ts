import { z } from 'zod';
import { agentFieldsSchema } from '../agent.ts';
import { flowFieldsSchema } from '../flow.ts';
import { jsonObjectSchema, looseJsonSchema } from '../json.ts';
import { limitsSchema, onLimitSchema, onProviderFailureSchema } from '../limits.ts';
import { runSchema } from '../run.ts';
import { runModeSchema } from '../status.ts';
import { timeParameter } from './parameter.ts';
import { untilSchema } from './stream.ts';

/** The query of startRun is that of its stream; it has no meaning for a plain reply. */
export const startRunQuerySchema = z.strictObject({ until: untilSchema.optional() });

/** `{"input": "hello"}` is a full request: the default agent answers it. */
export const startRunBodySchema = z
  .strictObject({
    agent: z
      .union([z.string().min(1).max(200), agentFieldsSchema])
      .optional()
      .describe('Id of a saved agent, or an agent inline; absent: the default agent'),
    flow: z
      .union([z.string().min(1).max(200), flowFieldsSchema])
      .optional()
      .describe('Instead of an agent: id of a saved flow, or a flow inline'),
    model: z.string().min(1).max(200).optional().describe('Model, in place of the agent’s'),
    script: agentFieldsSchema.shape.script,
    input: looseJsonSchema.optional().describe('A string, parts, {messages}, or any object'),
    mode: runModeSchema.optional(),
    sessionId: z.uuid().optional().describe('Session to go on with'),
    sessionKey: z.string().min(1).max(200).optional().describe('The same by the caller’s own key'),
    missionId: z.uuid().optional().describe('Mission that it belongs to'),
    tools: agentFieldsSchema.shape.tools.describe('Tools, beside the agent’s'),
    onLimit: onLimitSchema.optional(),
    onProviderFailure: onProviderFailureSchema.optional(),
    limits: limitsSchema.optional(),
    secrets: z
      .record(z.string().min(1).max(200), z.string().max(65_536))
      .optional()
      .describe('Write-only values for tools; encrypted, dropped when the run ends'),
    webhooks: looseJsonSchema.optional().describe('Where to send this run’s events'),
    metadata: jsonObjectSchema.optional().describe('Your own data'),
    title: z.string().max(1000).optional().describe('Title'),
    key: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('Your own unique name: a second start with it answers 200 with the existing run'),
    startAt: timeParameter('Not before this time').optional(),
  })
  .refine((body) => body.agent === undefined || body.flow === undefined, {
    error: 'give either agent or flow',
    path: ['flow'],
  })
  .refine((body) => body.flow === undefined || body.tools === undefined, {
    error: 'the steps of a flow name their tools',
    path: ['tools'],
  })
  .refine((body) => body.flow === undefined || body.mode !== 'external', {
    error: 'an external run has no flow',
    path: ['mode'],
  })
  .describe('The run to start');
export type StartRunBody = z.infer<typeof startRunBodySchema>;

export const startRunReplySchema = runSchema;
