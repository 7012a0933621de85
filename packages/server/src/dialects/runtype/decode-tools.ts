import type { AgentFields, HttpTool, Json, JsonObject, McpServer, Tool, ToolRule } from '@fermata/protocol';
import { isJsonObject } from '@fermata/protocol';
import { compileSchema } from '../../schemas/json-schema.ts';
import { invalidMember } from './errors.ts';
import { modelNameOf } from './client-tools.ts';
import type { ClientTools } from './face-data.ts';
import { notSupported } from './not-supported.ts';
import type { RuntimeTool, WireMcpServer, WireTools } from './wire-agent.ts';

export interface DecodedTools {
  tools: Tool[];
  mcpServers: McpServer[];
  /** Values that headers name as `{{secrets.<name>}}`. */
  secrets: Record<string, string>;
  /** Tools that the client carries out. */
  info: ClientTools;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

/** Source: wire section 8.2. Throws `not_supported` for tools that nothing here could carry out.
 * `owner` keeps the names of secrets apart. */
export function decodeTools(wire: WireTools | undefined, path: string, owner = 'agent'): DecodedTools {
  const decoded: DecodedTools = { tools: [], mcpServers: [], secrets: {}, info: {} };
  if (wire === undefined) return decoded;
  refuseUnsupported(wire, path);
  for (const [index, tool] of (wire.runtimeTools ?? []).entries()) {
    const place = `${path}.runtimeTools[${index}]`;
    const made = runtimeTool(tool, place);
    decoded.tools = [...decoded.tools.filter(({ name }) => name !== made.name), made];
    if (made.type === 'client') decoded.info[made.name] = { name: tool.name, origin: 'sdk' };
  }
  for (const [index, server] of (wire.mcpServers ?? []).entries()) {
    if (server.enabled === false) continue;
    decoded.mcpServers.push(
      mcpServer(
        server,
        `runtype_mcp_${plain(owner)}_${index}`,
        decoded.secrets,
        `${path}.mcpServers[${index}]`,
      ),
    );
  }
  return decoded;
}

function refuseUnsupported(wire: WireTools, path: string): void {
  if ((wire.toolIds ?? []).length > 0) {
    throw notSupported(`${path}.toolIds`, 'There are no saved tools here', 'runtimeTools, mcpServers');
  }
  for (const member of ['subagentConfig', 'codeModeConfig'] as const) {
    if (wire[member] === undefined || wire[member] === null) continue;
    throw notSupported(`${path}.${member}`, `${member} is not supported`, 'runtimeTools of type subagent');
  }
}

/** A tool that a request or step brings along. */
export function runtimeTool(wire: RuntimeTool, path: string): Tool {
  const inputSchema = wire.parametersSchema ?? { type: 'object' };
  const compiled = compileSchema(inputSchema);
  if (!compiled.ok) throw invalidMember(`${path}.parametersSchema`, compiled.message);
  const name = NAME.test(wire.name) ? wire.name : modelNameOf(wire.name);
  const base = { name, description: wire.description, inputSchema };
  const { config } = wire;
  switch (wire.toolType) {
    case 'external':
      return { ...base, type: 'http', http: requestOf(config, `${path}.config`), ...timeoutOf(config) };
    case 'local':
      return { ...base, type: 'client' };
    case 'flow':
      return {
        ...base,
        type: 'run',
        run: { flow: targetOf(config, ['flowId', 'id'], `${path}.config.flowId`) },
      };
    case 'subagent':
      return {
        ...base,
        type: 'run',
        run: { agent: targetOf(config, ['agentId', 'id'], `${path}.config.agentId`) },
      };
    case 'custom':
    case 'advisor':
    case 'search':
      throw notSupported(
        `${path}.toolType`,
        `Tools of type ${wire.toolType} are not supported`,
        'external, local, flow, subagent',
      );
  }
}

function targetOf(config: JsonObject, names: readonly string[], path: string): string {
  for (const name of names) {
    const value = config[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  throw invalidMember(path, 'Required', 'MISSING_REQUIRED_FIELD');
}

function timeoutOf({ timeout }: JsonObject): Pick<Tool, 'timeoutMs'> {
  const isTime = typeof timeout === 'number' && timeout >= 1 && timeout <= 3_600_000;
  return isTime ? { timeoutMs: Math.round(timeout) } : {};
}

/** A templated request, of a tool or of a step. A body in JSON text is the JSON. */
export function requestOf(config: JsonObject, path: string): HttpTool {
  const { url, method, headers, body } = config;
  if (typeof url !== 'string' || url === '') {
    throw invalidMember(`${path}.url`, 'Required', 'MISSING_REQUIRED_FIELD');
  }
  const hasBody = body !== undefined && body !== null && body !== '';
  const wanted = typeof method === 'string' ? method.toUpperCase() : hasBody ? 'POST' : 'GET';
  const known = METHODS.find((one) => one === wanted);
  if (known === undefined)
    throw invalidMember(`${path}.method`, `expected one of ${METHODS.join(', ')}`, 'INVALID_ENUM');
  const texts = isJsonObject(headers ?? null)
    ? Object.entries(headers as JsonObject).map(([name, value]) => [name, String(value)] as const)
    : [];
  return {
    url,
    method: known,
    ...(texts.length === 0 ? {} : { headers: Object.fromEntries(texts) }),
    ...(hasBody && known !== 'GET' && known !== 'HEAD' ? { body: bodyOf(body) } : {}),
  };
}

function bodyOf(body: Json): Json {
  if (typeof body !== 'string' || !/^\s*[[{]/.test(body)) return body;
  try {
    return JSON.parse(body) as Json;
  } catch {
    return body;
  }
}

function plain(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_]/g, '_');
}

function mcpServer(
  wire: WireMcpServer,
  secret: string,
  secrets: Record<string, string>,
  path: string,
): McpServer {
  if (wire.transport === 'rest')
    throw notSupported(`${path}.transport`, 'rest is not supported', 'streamable_http');
  const headers = authHeaders(wire.auth, secret, secrets, `${path}.auth`);
  return {
    name: wire.id.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 40),
    url: wire.url,
    ...(headers === null ? {} : { headers }),
    ...(wire.allowedTools === undefined ? {} : { tools: wire.allowedTools }),
    ...(wire.timeout === undefined ? {} : { timeoutMs: wire.timeout }),
  };
}

/** Credentials as headers; their values go into the run's secrets, and stand nowhere else. */
export function authHeaders(
  auth: WireMcpServer['auth'],
  secret: string,
  secrets: Record<string, string>,
  path: string,
): Record<string, string> | null {
  if (auth === undefined || auth.type === 'none') return null;
  const { token, headerName, username = '', password = '' } = auth;
  if (auth.type === 'basic') {
    secrets[secret] = Buffer.from(`${username}:${password}`).toString('base64');
    return { Authorization: `Basic {{secrets.${secret}}}` };
  }
  if (token === undefined) throw invalidMember(`${path}.token`, 'Required', 'MISSING_REQUIRED_FIELD');
  if (/^\{\{\s*secrets\.[\w.$-]+\s*\}\}$/.test(token)) return headerOf(auth.type, headerName, token);
  secrets[secret] = token;
  return headerOf(auth.type, headerName, `{{secrets.${secret}}}`);
}

function headerOf(
  type: 'api_key' | 'bearer' | 'custom_header',
  name: string | undefined,
  value: string,
): Record<string, string> {
  return type === 'bearer' ? { Authorization: `Bearer ${value}` } : { [name ?? 'X-API-Key']: value };
}

/**
 * What a request says of tools by name: approvals and limits, also of tools that come from a server, the page or a
 * saved agent. An approval expires only where the request names a time-out, whatever the tool's other waits do.
 * Names count as they were given and as the model knows them.
 */
export function toolRules(wire: WireTools | undefined): NonNullable<AgentFields['toolRules']> {
  const { require = [], timeout } = wire?.approval ?? {};
  const gate: ToolRule = {
    approval: 'always',
    approvalDeadline: timeout === undefined ? [] : [{ after: timeout / 1000, expire: true }],
  };
  const rules = new Map<string, ToolRule>();
  const say = (name: string, rule: ToolRule): void => {
    for (const known of new Set([name, modelNameOf(name)]))
      rules.set(known, { ...rules.get(known), ...rule });
  };
  if (require === true) rules.set('*', gate);
  for (const name of Array.isArray(require) ? require : []) say(name, gate);
  for (const [name, { maxCalls, required }] of Object.entries(wire?.perToolLimits ?? {})) {
    say(name, {
      ...(require === true ? gate : {}),
      ...(maxCalls === undefined ? {} : { maxCalls }),
      ...(required === true ? { mustCall: true } : {}),
    });
  }
  return Object.fromEntries(rules);
}
