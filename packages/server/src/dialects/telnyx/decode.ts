import {
  isJsonObject,
  mcpServerSchema,
  toolSchema,
  type Json,
  type JsonObject,
  type McpServer,
  type Tool,
} from '@fermata/protocol';
import type { ReportRun, RunCommand } from '../../engine/facade.ts';
import type { MissionFields } from '../../engine/facade-missions.ts';
import type { NewPlanStep } from '../../engine/plan.ts';
import { compileSchema } from '../../schemas/json-schema.ts';
import type { z } from 'zod';
import type { createPlanSchema, updateMissionSchema, updateRunSchema } from './wire.ts';

type PatchBody = z.output<typeof updateRunSchema>;

/** What of a mission a request sets; what it does not name stays, null clears. */
export function missionFields(body: z.output<typeof updateMissionSchema>): MissionFields {
  const { name, description, instructions, model, execution_mode: mode, metadata } = body;
  return { name, description, instructions, model, mode, metadata };
}

/**
 * A PATCH as commands of one commit: its fields, then its status. `null` clears, what is not sent stays; metadata
 * and result are replaced as a whole.
 */
export function patchCommands(body: PatchBody, mode: 'managed' | 'external'): RunCommand[] {
  const { status, metadata } = body;
  const fields = reportedFields(body);
  const update: RunCommand[] =
    metadata === undefined ? [] : [{ type: 'update', metadata: metadata ?? {}, replacesMetadata: true }];
  const report = (more: Partial<ReportRun>): RunCommand => ({ type: 'report', ...fields, ...more });
  const own: RunCommand[] = Object.keys(fields).length === 0 ? [] : [report({})];
  switch (status) {
    case undefined:
    // A run that is pending stays so; the caller has checked that it is.
    case 'pending':
      return [...update, ...own];
    case 'running':
      return mode === 'external'
        ? [...update, { type: 'resume' }, report({ status })]
        : [...update, ...own, { type: 'resume' }];
    case 'succeeded':
    case 'failed':
      return [...update, report({ status })];
    case 'paused':
      return [...update, ...own, { type: 'pause' }];
    case 'cancelled':
      return [...update, ...own, { type: 'cancel' }];
  }
}

function reportedFields(body: PatchBody): Pick<ReportRun, 'output' | 'summary' | 'error'> {
  const { result_payload: output, result_summary: summary, error } = body;
  return {
    ...(output === undefined ? {} : { output }),
    ...(summary === undefined ? {} : { summary }),
    ...(error === undefined ? {} : { error: error === null ? null : { code: 'reported', message: error } }),
  };
}

export function newSteps({ steps }: z.output<typeof createPlanSchema>): NewPlanStep[] {
  return steps.map((step) => ({
    id: step.step_id,
    description: step.description,
    sequence: step.sequence,
    parentStepId: step.parent_step_id ?? null,
    metadata: step.metadata ?? {},
  }));
}

/**
 * A stored tool as the agent of a managed run has it, or null when it says too little for that. Taken are our own
 * form, a `function` (the client executes it) and a `webhook` as the vendor's assistants have them.
 */
export function toolOf(data: JsonObject): Tool | null {
  const { function: called, webhook } = data;
  const draft = isJsonObject(webhook)
    ? webhookTool(data, webhook)
    : ownTool({ ...data, ...(isJsonObject(called) ? called : {}) });
  const tool = toolSchema.safeParse(draft);
  if (!tool.success || (tool.data.type === 'http' && tool.data.http === undefined)) return null;
  const schema = tool.data.inputSchema;
  return schema === undefined || compileSchema(schema).ok ? tool.data : null;
}

const TOOL_MEMBERS = Object.keys(toolSchema.shape);

function ownTool(data: JsonObject): JsonObject {
  const inputSchema = data['inputSchema'] ?? data['input_schema'] ?? data['parameters'];
  const isHttp = data['type'] === 'http' || isJsonObject(data['http']);
  const kept = Object.entries(data).filter(([name, value]) => TOOL_MEMBERS.includes(name) && value !== null);
  return {
    ...Object.fromEntries(kept),
    type: data['type'] === 'builtin' ? 'builtin' : isHttp ? 'http' : 'client',
    ...(isJsonObject(inputSchema) ? { inputSchema } : {}),
  };
}

/** `{type: "webhook", webhook: {name, description, url, method, headers: [{name, value}], *_parameters}}`. */
function webhookTool(data: JsonObject, webhook: JsonObject): JsonObject {
  const { name, description, url, method } = webhook;
  const { approval, idempotent } = data;
  const parameters = ['path_parameters', 'query_parameters', 'body_parameters'].map((part) => webhook[part]);
  const properties = parameters.map((schema) => (isJsonObject(schema) ? schema['properties'] : null));
  const required = parameters.flatMap((schema) => {
    const names = isJsonObject(schema) ? schema['required'] : null;
    return Array.isArray(names) ? names : [];
  });
  const inPath = isJsonObject(properties[0]) ? Object.keys(properties[0]) : [];
  const inQuery = isJsonObject(properties[1]) ? Object.keys(properties[1]) : [];
  const inBody = isJsonObject(properties[2]) ? Object.keys(properties[2]) : [];
  const address = String(url).replaceAll(/\{{1,2}([\w.-]+)\}{1,2}/g, (place, part: string) =>
    inPath.includes(part) ? `{{${part}}}` : place,
  );
  return {
    type: 'http',
    name: name ?? null,
    ...(typeof description === 'string' ? { description } : {}),
    inputSchema: {
      type: 'object',
      properties: Object.assign({}, ...properties.filter(isJsonObject)),
      required,
    },
    http: {
      url: address,
      method: typeof method === 'string' ? method.toUpperCase() : 'POST',
      headers: headersOf(webhook['headers'] ?? null),
      ...(inQuery.length === 0 ? {} : { query: templates(inQuery) }),
      ...(inBody.length === 0 || inPath.length + inQuery.length === 0 ? {} : { body: templates(inBody) }),
    },
    ...(approval === undefined ? {} : { approval }),
    ...(idempotent === undefined ? {} : { idempotent }),
  };
}

function templates(names: readonly string[]): JsonObject {
  return Object.fromEntries(names.map((name) => [name, `{{${name}}}`]));
}

/** An object of texts, or a list of `{name, value}`. */
function headersOf(headers: Json): JsonObject {
  if (isJsonObject(headers)) return headers;
  const list = Array.isArray(headers) ? headers.filter(isJsonObject) : [];
  return Object.fromEntries(list.map(({ name, value }) => [String(name), String(value)]));
}

/** A stored MCP server as an agent has it, or null without a URL; `index` names one without a name. */
export function mcpServerOf(data: JsonObject, index: number): McpServer | null {
  const { name, url, headers, tools, allowed_tools: allowed, approval } = data;
  const slug = typeof name === 'string' ? name.replaceAll(/[^A-Za-z0-9_-]+/g, '_').slice(0, 40) : '';
  const only = tools ?? allowed;
  const server = mcpServerSchema.safeParse({
    name: slug === '' ? `mcp_${index + 1}` : slug,
    url,
    ...(headers === undefined || headers === null ? {} : { headers: headersOf(headers) }),
    ...(Array.isArray(only) && only.length > 0 ? { tools: only } : {}),
    ...(approval === undefined ? {} : { approval }),
  });
  return server.success && URL.canParse(server.data.url) ? server.data : null;
}
