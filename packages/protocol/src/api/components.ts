import { z } from 'zod';
import { actorSchema } from '../actor.ts';
import {
  agentFieldsSchema,
  approvalPolicySchema,
  deadlineStepSchema,
  httpToolSchema,
  mcpServerSchema,
  ruleConditionSchema,
  ruleSchema,
  scriptTurnSchema,
  toolRunSchema,
  toolSchema,
} from '../agent.ts';
import { partSchema } from '../content.ts';
import { checkpointSchema, eventTypeSchema, runErrorSchema } from '../event.ts';
import { flowErrorHandlingSchema, flowFallbackSchema, flowFieldsSchema, flowStepSchema } from '../flow.ts';
import { holdSchema } from '../hold.ts';
import { limitsSchema } from '../limits.ts';
import { agentFallbackSchema, modelSettingsSchema } from '../model-settings.ts';
import { planStepSchema } from '../plan-step.ts';
import { usageSchema } from '../run.ts';
import { roleSchema, runStatusSchema } from '../status.ts';
import { transcriptCallSchema, transcriptMessageSchema } from '../transcript.ts';
import { answerBodySchema, openWaitSchema, resolutionSchema } from '../wait.ts';
import { changedSchema } from './changed.ts';
import { messageInputSchema } from './message-input.ts';

/** Names of shapes that many operations share, so that documents made from the schemas refer to them. */
export const COMPONENTS: Readonly<Record<string, z.ZodType>> = {
  Actor: actorSchema,
  AgentFallback: agentFallbackSchema,
  AgentFields: agentFieldsSchema,
  Answer: answerBodySchema,
  ApprovalPolicy: approvalPolicySchema,
  Changed: changedSchema,
  Checkpoint: checkpointSchema,
  DeadlineStep: deadlineStepSchema,
  EventType: eventTypeSchema,
  FlowErrorHandling: flowErrorHandlingSchema,
  FlowFallback: flowFallbackSchema,
  FlowFields: flowFieldsSchema,
  FlowStep: flowStepSchema,
  Hold: holdSchema,
  HttpTool: httpToolSchema,
  Limits: limitsSchema,
  McpServer: mcpServerSchema,
  Message: transcriptMessageSchema,
  MessageInput: messageInputSchema,
  ModelSettings: modelSettingsSchema,
  OpenWait: openWaitSchema,
  Part: partSchema,
  PlanStep: planStepSchema,
  Resolution: resolutionSchema,
  Role: roleSchema,
  Rule: ruleSchema,
  RuleCondition: ruleConditionSchema,
  RunError: runErrorSchema,
  RunStatus: runStatusSchema,
  ScriptTurn: scriptTurnSchema,
  Tool: toolSchema,
  ToolCall: transcriptCallSchema,
  ToolRun: toolRunSchema,
  // Where the circle of agents and the agents that their tools run is cut.
  Tools: agentFieldsSchema.shape.tools,
  Usage: usageSchema,
};

for (const [id, schema] of Object.entries(COMPONENTS)) {
  z.globalRegistry.add(schema, { ...schema.meta(), id });
}
