import { isJsonObject, type Json, type JsonObject } from '@fermata/protocol';
import type { BuiltinTool } from './builtin-tool.ts';
import { PLAN_TOOLS } from './plan-tools.ts';

/** The built-in tool that `script/approval` brings along: it does nothing but return what it was given. */
export const RECORD_NOTE = 'record_note';

/** The built-in tool by which an agent proposes a plan, which is reviewed before the work begins. */
export const PROPOSE_PLAN = 'propose_plan';

/** JSON Schema of the answer to a proposed plan. */
export const PLAN_REVIEW_SCHEMA: JsonObject = {
  type: 'object',
  properties: {
    action: { enum: ['approve', 'feedback'], description: 'Go on with it, or revise it' },
    message: { type: 'string', description: 'feedback: what to change' },
  },
  required: ['action'],
  additionalProperties: false,
};

const BUILTINS: Readonly<Record<string, BuiltinTool>> = {
  ask_user: {
    description:
      'Ask a person a question and wait for the answer. Use it when something is needed that only a person can tell or decide.',
    inputSchema: {
      type: 'object',
      properties: {
        question: { type: 'string', minLength: 1, description: 'The question, complete in itself' },
        schema: { type: 'object', description: 'JSON Schema of the answer; absent: text' },
      },
      required: ['question'],
      additionalProperties: false,
    },
    kind: 'wait',
  },
  sleep_until: {
    description: 'Wait until a point in time, or for a number of seconds. Give exactly one of the two.',
    inputSchema: {
      type: 'object',
      properties: {
        until: { type: 'string', format: 'date-time', description: 'RFC 3339 time' },
        seconds: {
          type: 'number',
          exclusiveMinimum: 0,
          maximum: 31_536_000,
          description: 'Seconds from now',
        },
      },
      oneOf: [{ required: ['until'] }, { required: ['seconds'] }],
      additionalProperties: false,
    },
    kind: 'wait',
  },
  [PROPOSE_PLAN]: {
    description:
      'Propose a plan and wait for its review. Call this first, alone, with the whole plan, before any other tool and before the work itself. The answer is {"action": "approve"}: go on with the plan; or {"action": "feedback", "message"}: call this again with a plan that is revised accordingly.',
    inputSchema: {
      type: 'object',
      properties: { plan: { type: 'string', minLength: 1, description: 'The whole plan, in Markdown' } },
      required: ['plan'],
      additionalProperties: false,
    },
    kind: 'wait',
  },
  delegate: {
    description:
      'Give a task to another agent, which works on it in a run of its own, and wait for its result. Delegate what ' +
      'can be done apart from the rest; several calls at once are worked on side by side. The other agent sees ' +
      'nothing of this conversation but the input.',
    inputSchema: {
      type: 'object',
      properties: {
        input: {
          type: 'string',
          minLength: 1,
          description: 'The task, complete in itself: everything that is needed to do it',
        },
        agent: {
          description:
            'Who does it: the id of a saved agent, or an agent described here; absent: one like you',
          anyOf: [
            { type: 'string', minLength: 1, description: 'Id of a saved agent' },
            {
              type: 'object',
              properties: {
                name: { type: 'string', minLength: 1, maxLength: 200, description: 'Name' },
                model: { type: 'string', minLength: 1, maxLength: 200, description: 'Model; absent: yours' },
                instructions: { type: 'string', description: 'System prompt' },
                tools: {
                  type: 'array',
                  description: 'Names of your own tools that it may use; or client and builtin tools',
                  items: { anyOf: [{ type: 'string' }, { type: 'object' }] },
                },
                script: {
                  type: 'array',
                  items: { type: 'object' },
                  description: 'Turns of a script/… model, with that model only',
                },
              },
              additionalProperties: false,
            },
          ],
        },
        title: { type: 'string', maxLength: 200, description: 'A short title' },
      },
      required: ['input'],
      additionalProperties: false,
    },
    kind: 'wait',
  },
  [RECORD_NOTE]: {
    description: 'Record a note.',
    inputSchema: {
      type: 'object',
      properties: { text: { type: 'string', description: 'The note' } },
      required: ['text'],
      additionalProperties: false,
    },
    kind: 'immediate',
  },
  ...PLAN_TOOLS,
};

/** The built-in tool of that name, or null. */
export function builtinTool(name: string): BuiltinTool | null {
  return Object.hasOwn(BUILTINS, name) ? (BUILTINS[name] ?? null) : null;
}

/** What a built-in that opens no wait answers. It has no effect, so it may be asked any number of times. */
export function callBuiltin(args: Json, idempotencyKey: string): JsonObject {
  return { recorded: args, idempotencyKey };
}

export type SleepTarget = { ok: true; atMs: number } | { ok: false; message: string };

/** When a `sleep_until` call is due, milliseconds since 1970. `nowMs` is the time at which its wait is opened. */
export function sleepTarget(args: Json, nowMs: number): SleepTarget {
  const { until, seconds } = isJsonObject(args) ? args : {};
  if (typeof seconds === 'number' && seconds > 0)
    return { ok: true, atMs: nowMs + Math.round(seconds * 1000) };
  const atMs = typeof until === 'string' ? Date.parse(until) : Number.NaN;
  if (Number.isNaN(atMs)) return { ok: false, message: 'sleep_until needs until (RFC 3339) or seconds' };
  return { ok: true, atMs };
}
