import { jsonObjectSchema } from '@fermata/protocol';
import { z } from 'zod';
import { pageQueryShape, paginationSchema } from './wire-executions.ts';
import { wireStepSchema } from './wire-flow.ts';

/** Source: the vendor's OpenAPI document, `/v1/agents`. Members that are not known are kept and shown again. */
const capabilitySchema = z
  .looseObject({
    toolName: z.string().min(1).max(100).describe('Tool that the model calls'),
    toolDescription: z.string().max(10_000).nullish().describe('What it does, for the model'),
    flowId: z.string().max(200).nullish().describe('The flow that it runs'),
    subAgentId: z.string().max(200).nullish().describe('Or the agent'),
    toolId: z.string().max(200).nullish().describe('Saved tools: none here'),
    parametersSchema: z.unknown().optional().describe('JSON Schema of its parameters'),
    enabled: z.boolean().optional().describe('false: not used'),
  })
  .describe('A flow or agent as a tool');
export type Capability = z.output<typeof capabilitySchema>;

const agentFields = {
  description: z.string().max(10_000).nullish().describe('What it is for'),
  icon: z.string().max(50).nullish().describe('Icon'),
  primaryFlowId: z.string().max(200).nullish().describe('Kept, not used'),
  agentType: z.enum(['runtype', 'external', 'claude_managed']).optional().describe('runtype'),
  config: jsonObjectSchema.nullish().describe('As `agent` of a dispatch: model, systemPrompt, tools, …'),
  capabilities: z.array(capabilitySchema).max(100).optional().describe('Flows and agents as tools'),
} as const;

const name = z.string().min(1).max(200).describe('Name');

export const createAgentBodySchema = z.looseObject({ name, ...agentFields }).describe('The agent');
export const updateAgentBodySchema = z
  .looseObject({ name: name.optional(), ...agentFields })
  .describe('What changes; `config` is merged, deep');
export type AgentBody = z.output<typeof createAgentBodySchema>;
export type AgentPatch = z.output<typeof updateAgentBodySchema>;

export const resourceQuerySchema = z
  .object({ ...pageQueryShape, search: z.string().max(200).optional().describe('Part of the name') })
  .describe('Which page');

export const agentIdSchema = z.object({ id: z.string().describe('Agent') });
export const flowIdSchema = z.object({ id: z.string().describe('Flow') });

const stamps = {
  status: z.string().describe('active'),
  createdAt: z.string().describe('When it was created'),
  updatedAt: z.string().describe('When it last changed'),
} as const;

export const agentReplySchema = z
  .looseObject({
    id: z.string().describe('Id'),
    userId: z.string().describe('Who asks'),
    organizationId: z.string().nullable().describe('Organization'),
    name: z.string().describe('Name'),
    description: z.string().nullable().describe('What it is for'),
    icon: z.string().nullable().describe('Icon'),
    primaryFlowId: z.string().nullable().describe('As it was sent'),
    primaryFlow: z.null().describe('Always null'),
    agentType: z.string().describe('runtype'),
    config: jsonObjectSchema.nullable().describe('As `agent` of a dispatch'),
    externalConfig: z.null().describe('Always null'),
    claudeManagedConfig: z.null().describe('Always null'),
    healthStatus: z.null().describe('Always null'),
    lastHealthCheckAt: z.null().describe('Always null'),
    publishedVersionId: z.string().nullable().describe('The version that runs take'),
    draftVersionId: z.string().nullable().describe('The same'),
    ...stamps,
    capabilities: z
      .array(z.looseObject({ id: z.string().describe('Id') }))
      .describe('Flows and agents as tools'),
  })
  .meta({ id: 'RuntypeAgent' })
  .describe('A saved agent; what else was sent with it is shown again');

export const agentsReplySchema = z
  .object({
    data: z
      .array(
        z.object({
          id: z.string().describe('Id'),
          name: z.string().describe('Name'),
          description: z.string().nullable().describe('What it is for'),
          icon: z.string().nullable().describe('Icon'),
          primaryFlowId: z.string().nullable().describe('As it was sent'),
          config: jsonObjectSchema.nullable().describe('As `agent` of a dispatch'),
          ...stamps,
          capabilityCount: z.number().int().describe('How many capabilities it has'),
          lastRunAt: z.null().describe('Always null'),
        }),
      )
      .describe('Newest first'),
    pagination: paginationSchema,
  })
  .describe('A page of agents');

export const deletedReplySchema = z
  .object({ success: z.literal(true).describe('It is gone') })
  .describe('It is gone; its runs go on');

/** Source: the vendor's OpenAPI document, `/v1/flows`; what a step's type takes is checked when it is read. */
const flowFields = {
  description: z.string().max(10_000).nullish().describe('What it is for'),
  steps: z.array(wireStepSchema.loose()).min(1).max(200).optional().describe('Steps'),
  flowSteps: z.array(wireStepSchema.loose()).min(1).max(200).optional().describe('The same'),
} as const;

export const createFlowBodySchema = z.looseObject({ name, ...flowFields }).describe('The flow');
export const updateFlowBodySchema = z
  .looseObject({ name: name.optional(), ...flowFields })
  .describe('What changes; steps are replaced as a whole');
export type FlowBody = z.output<typeof createFlowBodySchema>;
export type FlowPatch = z.output<typeof updateFlowBodySchema>;

const stepsShown = z.array(wireStepSchema.loose()).describe('Steps, as they were sent');

export const flowReplySchema = z
  .looseObject({
    id: z.string().describe('Id'),
    userId: z.string().describe('Who asks'),
    organizationId: z.string().nullable().describe('Organization'),
    name: z.string().describe('Name'),
    description: z.string().nullable().describe('What it is for'),
    flowSteps: stepsShown,
    steps: stepsShown,
    stepCount: z.number().int().describe('How many steps it has'),
    lastRunAt: z.null().describe('Always null'),
    createdAt: z.string().describe('When it was created'),
    updatedAt: z.string().describe('When it last changed'),
  })
  .meta({ id: 'RuntypeFlow' })
  .describe('A saved flow; what else was sent with it is shown again');

export const flowsReplySchema = z
  .object({
    data: z
      .array(
        z.object({
          id: z.string().describe('Id'),
          name: z.string().describe('Name'),
          description: z.string().nullable().describe('What it is for'),
          stepCount: z.number().int().describe('How many steps it has'),
          lastRunAt: z.null().describe('Always null'),
          createdAt: z.string().describe('When it was created'),
          updatedAt: z.string().describe('When it last changed'),
        }),
      )
      .describe('Newest first'),
    pagination: paginationSchema,
  })
  .describe('A page of flows');
