import { z } from 'zod';
import { agentFieldsSchema, httpToolSchema, mcpServerSchema, toolSchema } from './agent.ts';
import { jsonObjectSchema, looseJsonSchema } from './json.ts';
import { fallbackDelayMs } from './model-settings.ts';

/** How deep conditions may be nested in each other. */
export const MAX_FLOW_DEPTH = 10;
/** Steps of one flow, those inside of conditions included. */
export const MAX_FLOW_STEPS = 200;

const expression = (what: string): z.ZodString =>
  z
    .string()
    .min(1)
    .max(2_000)
    .describe(`${what} (a JavaScript expression; the flow’s variables are its names)`);
const template = (what: string): z.ZodString =>
  z.string().max(1_000_000).describe(`${what} (a Liquid template over the flow’s variables)`);
const templated = (what: string): typeof looseJsonSchema =>
  looseJsonSchema.describe(
    `${what}; its strings are templates, and one that is a single {{ }} keeps the value’s type`,
  );

export const variableNameSchema = z
  .string()
  .regex(/^[A-Za-z_$][A-Za-z0-9_$]{0,99}$/)
  .describe('Name of a variable');

const delayMs = fallbackDelayMs;

export const flowFallbackSchema = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('retry').describe('It again'), delayMs }),
    z.strictObject({
      type: z.literal('model').describe('It with another model'),
      model: z.string().min(1).max(200).describe('provider/name, an alias, or script/…'),
      delayMs,
    }),
    z.strictObject({
      type: z.literal('output').describe('A given output'),
      output: templated('Output in place of the step’s'),
      delayMs,
    }),
    z.strictObject({
      type: z.literal('flow').describe('A child run of a flow, which knows the same variables'),
      flow: z
        .union([z.string().min(1).max(200), jsonObjectSchema])
        .describe('Id of a saved flow, looked up when it is tried, or one inline'),
      delayMs,
    }),
  ])
  .describe(
    'What to try when a step has failed: it again, it with another model, a given output, or another flow',
  );
export type FlowFallback = z.infer<typeof flowFallbackSchema>;

export const flowErrorHandlingSchema = z
  .strictObject({
    then: z
      .enum(['fail', 'continue'])
      .describe('When the fallbacks are used up: the run fails, or goes on with the next step'),
    fallbacks: z.array(flowFallbackSchema).max(20).optional().describe('Tried in this order'),
    on: z
      .array(z.enum(['error', 'empty_output']))
      .min(1)
      .optional()
      .describe('What counts as failed; absent: errors'),
  })
  .describe('What a failed step does to the flow; absent: the run fails');
export type FlowErrorHandling = z.infer<typeof flowErrorHandlingSchema>;

const stepFields = {
  id: z
    .string()
    .regex(/^[A-Za-z0-9_\-:.]{1,128}$/)
    .describe('Id, unique within the flow'),
  name: z.string().min(1).max(200).describe('Name'),
  enabled: z.boolean().optional().describe('false: the step is skipped'),
  when: expression('The step is skipped unless this is truthy').optional(),
  output: variableNameSchema.optional().describe('Variable that holds the step’s output from then on'),
  onError: flowErrorHandlingSchema.optional(),
  metadata: jsonObjectSchema.optional().describe('The caller’s own data'),
};

/** An HTTP request whose strings are templates; `{{secrets.<name>}}` is filled in only when it leaves. */
const requestSchema = httpToolSchema.describe('The request; its strings are templates');

/** Turns of a model, until it asks for no call any more. */
const agentStepSchema = z.strictObject({
  ...stepFields,
  type: z.literal('agent').describe('Turns of a model, until it asks for no call any more'),
  agent: z
    .union([z.string().min(1).max(200), agentFieldsSchema])
    .optional()
    .describe('Id of a saved agent, or one inline; absent: the default agent. Instructions are a template'),
  prompt: template('User message').optional(),
  messages: templated('Messages before the prompt, or a template that gives them').optional(),
  format: z.enum(['text', 'json']).optional().describe('What the output is; json: parsed. Default text'),
});

const toolStepSchema = z.strictObject({
  ...stepFields,
  type: z.literal('tool').describe('One call of a tool'),
  tool: toolSchema,
  mcpServers: z.array(mcpServerSchema).max(1).optional().describe('The server of an mcp tool'),
  args: templated('Arguments').optional(),
});

const httpStepSchema = z.strictObject({
  ...stepFields,
  type: z.literal('http').describe('A request'),
  request: requestSchema,
  response: z.enum(['json', 'text']).optional().describe('What the output is. Default: by content type'),
  pick: z
    .record(z.string(), z.string())
    .optional()
    .describe('Members of the output, each a dotted path into the answer; absent: the whole answer'),
  timeoutMs: z.number().int().positive().max(3_600_000).optional().describe('Time-out of the request, ms'),
  afterCrash: toolSchema.shape.afterCrash,
});

const transformStepSchema = z.strictObject({
  ...stepFields,
  type: z.literal('transform').describe('A script'),
  script: z
    .string()
    .min(1)
    .max(100_000)
    .describe('Body of a JavaScript function; variables are its names and the members of `input`'),
});

const setStepSchema = z.strictObject({
  ...stepFields,
  type: z.literal('set').describe('A variable'),
  variable: variableNameSchema,
  value: templated('Value'),
});

const waitStepSchema = z
  .strictObject({
    ...stepFields,
    type: z.literal('wait').describe('A pause by the clock or until a request succeeds'),
    delayMs: z
      .union([z.number().int().min(0).max(31_536_000_000), template('Milliseconds')])
      .optional()
      .describe('Waits this long, ms'),
    until: template('Waits until this RFC 3339 time').optional(),
    poll: z
      .strictObject({
        request: requestSchema,
        success: expression('Done when this is truthy; `response` is the answer'),
        intervalMs: z.number().int().min(100).max(86_400_000).describe('Between two requests, ms'),
        maxAttempts: z.number().int().min(1).max(10_000).describe('Requests at most'),
      })
      .optional()
      .describe('Asks again and again'),
    onTimeout: z.enum(['continue', 'fail']).optional().describe('When poll never succeeded. Default fail'),
  })
  .refine((step) => [step.delayMs, step.until, step.poll].filter((way) => way !== undefined).length === 1, {
    error: 'give one of delayMs, until and poll',
    path: ['delayMs'],
  });

const sendStepSchema = z.strictObject({
  ...stepFields,
  type: z.literal('send').describe('Text for the reader'),
  text: template('Text that the run says to its reader'),
});

type PlainStepSchema =
  | typeof agentStepSchema
  | typeof toolStepSchema
  | typeof httpStepSchema
  | typeof transformStepSchema
  | typeof setStepSchema
  | typeof waitStepSchema
  | typeof sendStepSchema;
type PlainStep = z.infer<PlainStepSchema>;

/** Steps of one branch are carried out, or none when it is not given. */
export interface ConditionStep {
  id: string;
  name: string;
  type: 'condition';
  enabled?: boolean | undefined;
  when?: string | undefined;
  output?: string | undefined;
  onError?: FlowErrorHandling | undefined;
  metadata?: z.infer<typeof jsonObjectSchema> | undefined;
  condition: string;
  then: FlowStep[];
  else?: FlowStep[] | undefined;
}

export type FlowStep = PlainStep | ConditionStep;

/** A step as it is given, before defaults are filled in. */
export type FlowStepInput =
  | z.input<PlainStepSchema>
  | (Omit<ConditionStep, 'then' | 'else'> & { then: FlowStepInput[]; else?: FlowStepInput[] | undefined });

export const flowStepSchema: z.ZodType<FlowStep, FlowStepInput> = z.lazy(() =>
  z
    .discriminatedUnion('type', [
      agentStepSchema,
      toolStepSchema,
      httpStepSchema,
      transformStepSchema,
      setStepSchema,
      waitStepSchema,
      sendStepSchema,
      z.strictObject({
        ...stepFields,
        type: z.literal('condition').describe('One of two lists of steps'),
        condition: expression('Which branch is taken'),
        then: z.array(flowStepSchema).max(MAX_FLOW_STEPS).describe('Steps when it is truthy'),
        else: z.array(flowStepSchema).max(MAX_FLOW_STEPS).optional().describe('Steps when it is not'),
      }),
    ])
    .describe('One step: agent, tool, http, transform, set, condition, wait or send'),
);

export const flowFieldsSchema = z
  .strictObject({
    name: z.string().min(1).max(200).optional().describe('Name'),
    description: z.string().max(10_000).optional().describe('What it is for'),
    steps: z.array(flowStepSchema).min(1).max(MAX_FLOW_STEPS).describe('Steps, in order'),
    metadata: jsonObjectSchema.optional().describe('The caller’s own data'),
  })
  .describe('A list of steps');
export type FlowFields = z.infer<typeof flowFieldsSchema>;

/** The flow as a run carries it (`run.created.flow`): every agent step's `agent` is a `RunAgent`. */
export interface RunFlow extends Omit<FlowFields, 'steps'> {
  /** Saved flow, or null for an inline one. */
  id: string | null;
  name: string;
  version: number | null;
  steps: FlowStep[];
}
