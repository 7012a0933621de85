import { isJsonObject, type Json, type JsonObject } from '@fermata/protocol';
import type { BuiltinTool } from './builtin-tool.ts';

export const CREATE_PLAN = 'create_plan';
export const UPDATE_STEP = 'update_step';

const STEP_ID: JsonObject = {
  type: 'string',
  minLength: 1,
  maxLength: 200,
  description: 'A short name of the step, such as research; unique within the plan',
};

/** The tools by which an agent keeps the plan of its run. */
export const PLAN_TOOLS: Readonly<Record<string, BuiltinTool>> = {
  [CREATE_PLAN]: {
    description:
      'Write down the plan of your work, step by step, before you begin. Called again, it adds steps to the plan.',
    inputSchema: {
      type: 'object',
      properties: {
        steps: {
          type: 'array',
          minItems: 1,
          maxItems: 200,
          items: {
            type: 'object',
            properties: {
              id: STEP_ID,
              description: { type: 'string', minLength: 1, description: 'What is to be done' },
              parent_id: { type: 'string', description: 'The step that it is a part of' },
            },
            required: ['id', 'description'],
            additionalProperties: false,
          },
        },
      },
      required: ['steps'],
      additionalProperties: false,
    },
    kind: 'plan',
  },
  [UPDATE_STEP]: {
    description: 'Say where a step of your plan stands, as soon as you begin it and as soon as it is over.',
    inputSchema: {
      type: 'object',
      properties: {
        id: STEP_ID,
        status: { type: 'string', enum: ['pending', 'in_progress', 'completed', 'skipped', 'failed'] },
      },
      required: ['id', 'status'],
      additionalProperties: false,
    },
    kind: 'plan',
  },
};

/** What the model is told once the change is committed. */
export function planAnswer(tool: string, args: Json): JsonObject {
  const given = isJsonObject(args) ? args : {};
  if (tool === UPDATE_STEP) return { id: given['id'] ?? null, status: given['status'] ?? null };
  return { steps: Array.isArray(given['steps']) ? given['steps'].length : 0 };
}
