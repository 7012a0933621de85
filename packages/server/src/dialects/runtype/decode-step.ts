import {
  BUILTIN_TOOLS,
  isJsonObject,
  type AgentFields,
  type FlowStep,
  type HttpTool,
  type Json,
  type JsonObject,
  type Tool,
} from '@fermata/protocol';
import { z } from 'zod';
import { settingsOf } from './decode-agent.ts';
import { authHeaders, decodeTools, requestOf, runtimeTool, toolRules } from './decode-tools.ts';
import { invalidMember } from './errors.ts';
import { clientToolOf, type ClientTools } from './face-data.ts';
import { notSupported } from './not-supported.ts';
import { stepConfig, type StepConfig } from './step-config.ts';
import { readMember } from './validation.ts';
import { authSchema, modelMembers, runtimeToolSchema, toolsSchema } from './wire-agent.ts';
import type { SupportedStep, WireStep } from './wire-flow.ts';

/** What decoding a flow gathers beside its steps. */
export interface FlowDecoding {
  /** Values that requests name as `{{secrets.<name>}}`. */
  secrets: Record<string, string>;
  /** Tools of the page or host that steps may name, and what the page calls them. */
  tools: readonly Tool[];
  clientTools: ClientTools;
  /** Tools that steps declare and the client carries out. */
  info: ClientTools;
}

/** What every step has. */
export type StepBase = Pick<FlowStep, 'id' | 'name' | 'enabled' | 'when' | 'output' | 'onError' | 'metadata'>;

/** One step that is no condition. Source: wire section 7.2. */
export function decodeStep(
  type: Exclude<SupportedStep, 'conditional'>,
  base: StepBase,
  wire: WireStep,
  decoding: FlowDecoding,
  path: string,
): FlowStep {
  const config = stepConfig(wire.config, `${path}.config`);
  switch (type) {
    case 'prompt':
      return promptStep(base, config, decoding);
    case 'execute-agent':
      return {
        ...base,
        type: 'agent',
        agent: config.required('agentId', 'id'),
        prompt: config.text('message') ?? '{{ user_message }}',
      };
    case 'tool-call':
      return toolStep(base, config, decoding);
    case 'fetch-url':
      return fetchStep(base, config);
    case 'api-call':
      return apiStep(base, config, decoding);
    case 'transform-data':
      return transformStep(base, config);
    case 'set-variable':
      return {
        ...base,
        type: 'set',
        variable: config.required('variableName', 'variable'),
        value: valueOf(config),
      };
    case 'wait-until':
      return waitStep(base, config);
    case 'send-stream': {
      const source = config.text('sourceVariable');
      const text = config.text('message', 'text') ?? (source === undefined ? undefined : `{{ ${source} }}`);
      return { ...base, type: 'send', text: text ?? config.required('message') };
    }
  }
}

const modelSchema = z.object(modelMembers);

/** With no prompt of its own, the conversation of the request is the prompt. */
function promptStep(base: StepBase, config: StepConfig, decoding: FlowDecoding): FlowStep {
  const { members, path } = config;
  const prompt = config.text('userPrompt', 'text', 'prompt');
  const messages = previousMessages(members['previousMessages'], prompt);
  const format = members['responseFormat'];
  const isJson =
    format === 'json' || (isJsonObject(format ?? null) && (format as JsonObject)['type'] === 'json');
  return {
    ...base,
    type: 'agent',
    agent: promptAgent(base, config, decoding, readMember(modelSchema, members, path)),
    ...(prompt === undefined ? {} : { prompt }),
    ...(messages === undefined ? {} : { messages }),
    ...(isJson ? { format: 'json' } : {}),
  };
}

function previousMessages(given: Json | undefined, prompt: string | undefined): Json | undefined {
  if (given !== undefined && given !== null && given !== '') return given;
  return prompt === undefined ? '{{ messages }}' : undefined;
}

function promptAgent(
  base: StepBase,
  config: StepConfig,
  decoding: FlowDecoding,
  model: z.output<typeof modelSchema>,
): AgentFields {
  const { members, path } = config;
  const given = members['tools'];
  const wire =
    given === undefined || given === null ? undefined : readMember(toolsSchema, given, `${path}.tools`);
  const decoded = decodeTools(wire, `${path}.tools`, base.id);
  Object.assign(decoding.secrets, decoded.secrets);
  Object.assign(decoding.info, decoded.info);
  const { tools, mcpServers } = decoded;
  const rules = toolRules(wire);
  const settings = settingsOf(model);
  const [name, instructions] = [config.text('model'), config.text('systemPrompt')];
  const maxToolCalls = wire?.maxToolCalls;
  return {
    name: base.name,
    ...(name === undefined ? {} : { model: name }),
    ...(instructions === undefined ? {} : { instructions }),
    ...(tools.length === 0 ? {} : { tools }),
    ...(mcpServers.length === 0 ? {} : { mcpServers }),
    ...(Object.keys(rules).length === 0 ? {} : { toolRules: rules }),
    ...(Object.keys(settings).length === 0 ? {} : { settings }),
    ...(wire?.toolCallStrategy === undefined ? {} : { toolChoice: wire.toolCallStrategy }),
    ...(wire?.parallelCalls === undefined ? {} : { parallelToolCalls: wire.parallelCalls }),
    ...(maxToolCalls === undefined ? {} : { limits: { maxToolCalls } }),
  };
}

/** A tool that the step brings along, one of the page or host, or one that is built in; there are no saved ones. */
function toolStep(base: StepBase, config: StepConfig, decoding: FlowDecoding): FlowStep {
  const { members, path } = config;
  const args = { args: members['parameters'] ?? {} };
  const own = config.object('tool');
  if (own !== undefined) {
    const tool = runtimeTool(readMember(runtimeToolSchema, own, `${path}.tool`), `${path}.tool`);
    if (tool.type === 'client') decoding.info[tool.name] = { name: tool.name, origin: 'sdk' };
    return { ...base, type: 'tool', tool, ...args };
  }
  const toolId = config.required('toolId');
  const known = decoding.tools.find(
    (tool) => tool.name === toolId || clientToolOf(decoding.clientTools, tool.name)?.name === toolId,
  );
  if (known !== undefined) return { ...base, type: 'tool', tool: known, ...args };
  const builtin = BUILTIN_TOOLS.find((name) => name === toolId);
  if (builtin !== undefined)
    return { ...base, type: 'tool', tool: { type: 'builtin', name: builtin }, ...args };
  throw notSupported(
    `${path}.toolId`,
    `There is no saved tool ${toolId}`,
    `a tool inline as config.tool, a name of clientTools, ${BUILTIN_TOOLS.join(', ')}`,
  );
}

function fetchStep(base: StepBase, config: StepConfig): FlowStep {
  const { members, path } = config;
  if ((config.text('fetchMethod') ?? 'http') !== 'http') {
    throw notSupported(`${path}.fetchMethod`, 'Only http is supported', 'http');
  }
  const http = config.object('http');
  const request = requestOf(http ?? members, http === undefined ? path : `${path}.http`);
  return { ...base, type: 'http', request, ...responseOf(config) };
}

function responseOf(config: StepConfig): { response?: 'json' | 'text' } {
  const type = config.text('responseType');
  return type === undefined ? {} : { response: type === 'json' ? 'json' : 'text' };
}

function apiStep(base: StepBase, config: StepConfig, decoding: FlowDecoding): FlowStep {
  const { members, path } = config;
  const http = config.object('http') ?? members;
  const template = members['requestTemplate'];
  const withBody = template === undefined || template === null ? http : { ...http, body: template };
  const request = requestOf(withBody, `${path}.http`);
  const auth = config.object('auth');
  const headers =
    auth === undefined
      ? null
      : authHeaders(
          readMember(authSchema, auth, `${path}.auth`),
          `runtype_step_${base.id.replaceAll(/[^A-Za-z0-9_]/g, '_')}`,
          decoding.secrets,
          `${path}.auth`,
        );
  const mapping = config.object('responseMapping');
  const asked: HttpTool =
    headers === null ? request : { ...request, headers: { ...request.headers, ...headers } };
  return {
    ...base,
    type: 'http',
    request: asked,
    ...responseOf(config),
    ...(mapping === undefined ? {} : { pick: picksOf(mapping, `${path}.responseMapping`) }),
  };
}

function picksOf(mapping: JsonObject, path: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(mapping).map(([name, value]) => {
      if (typeof value !== 'string') throw invalidMember(`${path}.${name}`, 'expected a path');
      return [name, value.replace(/^\$\.?/, '').replaceAll(/\[(\d+)\]/g, '.$1')];
    }),
  );
}

function transformStep(base: StepBase, config: StepConfig): FlowStep {
  const language = config.text('language') ?? 'javascript';
  if (language !== 'javascript') {
    throw notSupported(`${config.path}.language`, `${language} is not supported`, 'javascript');
  }
  return { ...base, type: 'transform', script: config.required('script') };
}

function valueOf({ members }: StepConfig): Json {
  return members['value'] ?? members['valueTemplate'] ?? null;
}

function waitStep(base: StepBase, config: StepConfig): FlowStep {
  const { members, path } = config;
  const delay = members['delayMs'];
  if (typeof delay === 'number' || (typeof delay === 'string' && delay !== '')) {
    return { ...base, type: 'wait', delayMs: delay };
  }
  const until = config.text('until');
  if (until !== undefined) return { ...base, type: 'wait', until };
  const poll = config.object('poll');
  if (poll === undefined) {
    throw notSupported(path, 'A condition without a request never changes', 'delayMs, until, poll');
  }
  const polled = stepConfig(poll, `${path}.poll`);
  const http = polled.object('http');
  return {
    ...base,
    type: 'wait',
    poll: {
      request: requestOf(http ?? poll, `${path}.poll.http`),
      success: polled.required('success'),
      intervalMs: polled.number('intervalMs') ?? 1_000,
      maxAttempts: polled.number('maxAttempts') ?? 60,
    },
    ...(members['continueOnTimeout'] === true ? { onTimeout: 'continue' } : {}),
  };
}
