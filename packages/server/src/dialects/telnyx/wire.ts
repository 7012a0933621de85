import { integerParameter, jsonObjectSchema } from '@fermata/protocol';
import { z } from 'zod';

// The vendor's schemas (OpenAPI "Telnyx AI Missions API" 2.0.0). Unknown members of a request are ignored; members
// of a reply that are not set are null here, and left out or sent as null by the face's setting.

export const RUN_STATUSES = ['pending', 'running', 'paused', 'succeeded', 'failed', 'cancelled'] as const;
export const EVENT_TYPES = [
  'status_change',
  'step_started',
  'step_completed',
  'step_failed',
  'tool_call',
  'tool_result',
  'message',
  'error',
  'custom',
] as const;

/** Most steps in one request. */
export const MAX_STEPS = 1000;
/** Longest id of the client's own, characters: it must fit an index. */
const MAX_ID_LENGTH = 255;

export const runStatusSchema = z.enum(RUN_STATUSES).meta({ id: 'RunStatus' });
export type WireRunStatus = z.infer<typeof runStatusSchema>;
const stepStatusSchema = z
  .enum(['pending', 'in_progress', 'completed', 'skipped', 'failed'])
  .meta({ id: 'StepStatus' });
export const eventTypeSchema = z.enum(EVENT_TYPES).meta({ id: 'EventType' });
export type WireEventType = z.infer<typeof eventTypeSchema>;
const executionModeSchema = z.enum(['external', 'managed']).meta({ id: 'ExecutionMode' });

const text = z.string();
const textOrNull = text.nullish();
const objectOrNull = jsonObjectSchema.nullish();
const stepId = text.min(1).max(1000);
const ownId = text.min(1).max(MAX_ID_LENGTH);
const time = z.iso.datetime();

// Requests

const missionId = z.guid().describe('Mission');
const runId = z.guid().describe('Run');
export const missionParamsSchema = z.object({ mission_id: missionId });
export const runParamsSchema = z.object({ mission_id: missionId, run_id: runId });
export const eventParamsSchema = runParamsSchema.extend({ event_id: text.describe('Event') });
export const stepParamsSchema = runParamsSchema.extend({ step_id: text.describe('Step') });
export const agentParamsSchema = runParamsSchema.extend({ telnyx_agent_id: text.describe('Linked agent') });
/** Where the vendor takes any string as the mission's id: what is none is not found. */
export const looseMissionParamsSchema = z.object({ mission_id: text.describe('Mission') });

function pageShape(size: number): {
  'page[number]': z.ZodDefault<z.ZodType<number, unknown>>;
  'page[size]': z.ZodDefault<z.ZodType<number, unknown>>;
} {
  return {
    'page[number]': integerParameter('Page, from 1', { min: 1 }).default(1),
    'page[size]': integerParameter('Items on a page', { min: 1, max: 1000 }).default(size),
  };
}

const lookUpShape = {
  name: text.optional().describe('Extension: only those of exactly this name'),
  metadata: z
    .record(text, text)
    .optional()
    .describe('Extension: metadata.<key>=<value>, only those whose metadata has this member'),
};
export const missionsQuerySchema = z.object({ ...pageShape(20), ...lookUpShape });
export const runsQuerySchema = z.object({
  status: text.optional().describe('Only runs of this status'),
  ...pageShape(20),
  ...lookUpShape,
});
const eventType = text.optional().describe('Only events of this type');
export const allEventsQuerySchema = z.object({ type: eventType, ...pageShape(50) });
export const eventsQuerySchema = z.object({
  type: eventType,
  step_id: text.optional().describe('Only events of this step'),
  agent_id: text.optional().describe('Only events of this agent'),
  ...pageShape(50),
});

const missionFields = {
  description: textOrNull,
  instructions: textOrNull,
  model: textOrNull,
  execution_mode: executionModeSchema.optional(),
  metadata: objectOrNull,
};
export const createMissionSchema = z
  .object({ name: text, ...missionFields })
  .meta({ id: 'CreateMissionRequest' });
export const updateMissionSchema = z
  .object({ name: text.optional(), ...missionFields })
  .meta({ id: 'UpdateMissionRequest' });
export const createRunSchema = z
  .object({
    input: objectOrNull,
    metadata: objectOrNull,
    name: text.max(1000).nullish().describe('Extension: a name by which the run can be looked up'),
  })
  .meta({ id: 'CreateMissionRunRequest' });
export const updateRunSchema = z
  .object({
    status: runStatusSchema.optional(),
    result_summary: textOrNull,
    result_payload: objectOrNull,
    error: textOrNull,
    metadata: objectOrNull,
  })
  .meta({ id: 'UpdateMissionRunRequest' });
const createStepSchema = z
  .object({
    step_id: stepId,
    description: text,
    sequence: z.int(),
    parent_step_id: textOrNull,
    metadata: objectOrNull,
  })
  .meta({ id: 'CreatePlanStepRequest' });
export const createPlanSchema = z
  .object({
    steps: z
      .array(createStepSchema)
      .max(MAX_STEPS)
      .superRefine((steps, context) => {
        const seen = new Set<string>();
        for (const [index, step] of steps.entries()) {
          if (seen.has(step.step_id)) {
            context.addIssue({
              code: 'custom',
              path: [index, 'step_id'],
              message: 'another step has this id',
            });
          }
          seen.add(step.step_id);
        }
      }),
  })
  .meta({ id: 'CreatePlanRequest' });
export const updateStepSchema = z
  .object({ status: stepStatusSchema.optional(), metadata: objectOrNull })
  .meta({ id: 'UpdatePlanStepRequest' });
export const createEventSchema = z
  .object({
    type: eventTypeSchema,
    summary: text,
    step_id: textOrNull,
    agent_id: textOrNull,
    payload: objectOrNull,
    idempotency_key: text.max(MAX_ID_LENGTH).nullish(),
  })
  .meta({ id: 'CreateEventRequest' });
export const linkAgentSchema = z.object({ telnyx_agent_id: ownId }).meta({ id: 'LinkTelnyxAgentRequest' });
/** The body of what has no schema: nothing, or any object. */
export const anyObjectSchema = jsonObjectSchema.nullish();

// Replies

export const missionDataSchema = z
  .object({
    mission_id: z.uuid(),
    name: text,
    description: textOrNull,
    instructions: textOrNull,
    model: textOrNull,
    execution_mode: executionModeSchema,
    metadata: objectOrNull,
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'MissionData' });
export type MissionData = z.infer<typeof missionDataSchema>;

export const runDataSchema = z
  .object({
    run_id: z.uuid(),
    mission_id: z.uuid(),
    status: runStatusSchema,
    input: objectOrNull,
    started_at: time,
    finished_at: time.nullish(),
    result_summary: textOrNull,
    result_payload: objectOrNull,
    error: textOrNull,
    metadata: objectOrNull,
    updated_at: time,
  })
  .meta({ id: 'MissionRunData' });
export type RunData = z.infer<typeof runDataSchema>;

export const stepDataSchema = z
  .object({
    step_id: text,
    run_id: z.uuid(),
    sequence: z.int(),
    description: text,
    status: stepStatusSchema,
    parent_step_id: textOrNull,
    metadata: objectOrNull,
    started_at: time.nullish(),
    completed_at: time.nullish(),
  })
  .meta({ id: 'PlanStepData' });
export type StepData = z.infer<typeof stepDataSchema>;

export const eventDataSchema = z
  .object({
    event_id: text,
    run_id: text,
    type: eventTypeSchema,
    summary: text,
    timestamp: time,
    step_id: textOrNull,
    agent_id: textOrNull,
    idempotency_key: textOrNull,
    payload: objectOrNull,
  })
  .meta({ id: 'EventData' });
export type EventData = z.infer<typeof eventDataSchema>;

export const agentDataSchema = z
  .object({ run_id: text, telnyx_agent_id: text, created_at: time })
  .meta({ id: 'TelnyxAgentData' });
export type AgentData = z.infer<typeof agentDataSchema>;

const metaSchema = z
  .object({ total_pages: z.int(), total_results: z.int(), page_number: z.int(), page_size: z.int() })
  .meta({ id: 'Meta' });
export type Meta = z.infer<typeof metaSchema>;

/** `{data}` of one thing. */
export function single<T extends z.ZodType>(item: T): z.ZodType {
  return z.object({ data: item });
}
/** `{data}` of many, without pages. */
export function list<T extends z.ZodType>(item: T): z.ZodType {
  return z.object({ data: z.array(item) });
}
/** `{data, meta}` of one page. */
export function paged<T extends z.ZodType>(item: T): z.ZodType {
  return z.object({ data: z.array(item), meta: metaSchema });
}

export const validationItemSchema = z.object({
  loc: z.array(z.union([text, z.int()])),
  msg: text,
  type: text,
});
export type ValidationItem = z.infer<typeof validationItemSchema>;

/** What every error is answered with: the vendor's general list, its validation list, and a text that its SDK shows. */
export const errorBodySchema = z
  .object({
    message: text,
    errors: z.array(
      z.object({
        code: text,
        title: text,
        detail: text,
        meta: z.object({ url: text }),
        source: z.object({ pointer: text }).optional(),
      }),
    ),
    detail: z.array(validationItemSchema).optional(),
  })
  .meta({ id: 'Error' });
export type ErrorBody = z.infer<typeof errorBodySchema>;
