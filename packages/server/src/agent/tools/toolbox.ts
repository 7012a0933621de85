import type { Json, JsonObject, McpServer, Tool } from '@fermata/protocol';
import type { GuardedFetch } from '../../outgoing/guarded-fetch.ts';
import type { StepFailure } from '../failure.ts';
import { briefText, redactText } from '../redact.ts';
import { builtinTool, callBuiltin } from './builtin-tools.ts';
import { callHttpTool } from './http-tool.ts';
import { McpConnection } from './mcp-connection.ts';
import { planAnswer } from './plan-tools.ts';
import { callMcpTool, discoveryFailure, mcpDrafts } from './mcp-tool.ts';
import { resolvedTool, type ResolvedTool, type ToolDraft, type ToolTarget } from './resolved-tool.ts';
import { completed, failed, type ToolOutcome } from './tool-outcome.ts';
import { ruled, type ToolRules } from './tool-rules.ts';

export interface ToolboxOptions {
  tools: readonly Tool[];
  mcpServers: readonly McpServer[];
  toolRules?: ToolRules | undefined;
  /** The run's secrets, for the headers of MCP servers. */
  secrets: Readonly<Record<string, string>>;
  fetch: GuardedFetch;
  /** Of one call, where the tool names none, milliseconds. */
  defaultTimeoutMs: number;
}

export interface ToolCall {
  tool: ResolvedTool;
  args: Json;
  callId: string;
  /** `run:turn:call`: the same for every request of this call. */
  idempotencyKey: string;
  secrets: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

export type ToolsResult = { ok: true; tools: ResolvedTool[] } | { ok: false; failure: StepFailure };

/** The tools of one agent for one segment. Connections to MCP servers end when it is disposed. */
export interface Toolbox extends AsyncDisposable {
  /** All tools with their defaults filled in; MCP servers are asked once, and again after a failure. Never throws. */
  resolve(signal: AbortSignal): Promise<ToolsResult>;
  /** Calls a tool that does not open a wait. Never throws. */
  callTool(call: ToolCall): Promise<ToolOutcome>;
}

export function createToolbox(options: ToolboxOptions): Toolbox {
  const connections = new Map<string, McpConnection>();
  let known: ResolvedTool[] | null = null;

  async function resolve(signal: AbortSignal): Promise<ToolsResult> {
    if (known !== null) return { ok: true, tools: known };
    const own = ownDrafts(options);
    if (!own.ok) return own;
    const lists = await Promise.all(options.mcpServers.map((server) => discover(server, signal)));
    const drafts = [...own.drafts];
    for (const list of lists) {
      if (!list.ok) return signal.aborted ? { ok: false, failure: { kind: 'aborted' } } : list;
      for (const draft of list.drafts) drafts.push(uniquelyNamed(draft, drafts));
    }
    known = drafts.map((draft) => resolvedTool(ruled(draft, options.toolRules)));
    return { ok: true, tools: known };
  }

  async function discover(server: McpServer, signal: AbortSignal): Promise<DraftsResult> {
    try {
      const offered = await connection(server).listTools(signal);
      const overrides = options.tools.filter((tool) => tool.type === 'mcp' && tool.server === server.name);
      return { ok: true, drafts: mcpDrafts(server, offered, overrides, options.defaultTimeoutMs) };
    } catch (error) {
      return { ok: false, failure: discoveryFailure(server, error, cleaner(options.secrets)) };
    }
  }

  function connection(server: McpServer): McpConnection {
    const open = connections.get(server.name);
    if (open !== undefined) return open;
    const { fetch, secrets, defaultTimeoutMs } = options;
    const timeoutMs = server.timeoutMs ?? defaultTimeoutMs;
    const fresh = new McpConnection({ server, fetch, secrets, timeoutMs });
    connections.set(server.name, fresh);
    return fresh;
  }

  async function callTool(call: ToolCall): Promise<ToolOutcome> {
    const { tool, args, idempotencyKey, secrets, signal } = call;
    if (signal.aborted) return { kind: 'not_sent', message: 'the call was aborted before it was made' };
    const { target, timeoutMs } = tool;
    const secretValues = Object.values({ ...options.secrets, ...secrets });
    switch (target.kind) {
      case 'http':
        return await callHttpTool({
          http: target.http,
          args,
          idempotencyKey,
          secrets,
          timeoutMs,
          signal,
          fetch: options.fetch,
        });
      case 'mcp': {
        const server = options.mcpServers.find((entry) => entry.name === target.server);
        if (server === undefined) return failed('tool_failed', `there is no MCP server ${target.server}`);
        return await callMcpTool(connection(server), {
          name: target.remoteName,
          args,
          idempotencyKey,
          timeoutMs,
          signal,
          secrets: secretValues,
          clean: cleaner({ ...options.secrets, ...secrets }),
        });
      }
      case 'immediate':
        return completed(callBuiltin(args, idempotencyKey), secretValues);
      case 'plan':
        return completed(planAnswer(tool.name, args), secretValues);
      case 'wait':
      case 'run':
        return failed('tool_failed', `${tool.name} is not called by the server: it opens a wait`);
      default:
        return target satisfies never;
    }
  }

  return {
    resolve,
    callTool,
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.allSettled([...connections.values()].map((open) => open[Symbol.asyncDispose]()));
      connections.clear();
    },
  };
}

export type DraftsResult = { ok: true; drafts: ToolDraft[] } | { ok: false; failure: StepFailure };

/** Everything but the tools of MCP servers; the first of two with one name counts. */
export function ownDrafts(
  options: Pick<ToolboxOptions, 'tools' | 'mcpServers' | 'defaultTimeoutMs'>,
): DraftsResult {
  const drafts: ToolDraft[] = [];
  for (const tool of options.tools) {
    if (drafts.some((draft) => draft.name === tool.name)) continue;
    if (tool.type === 'mcp') {
      if (options.mcpServers.some((server) => server.name === tool.server)) continue;
      return broken(`the tool ${tool.name} names an MCP server that the agent does not have`);
    }
    const target = ownTarget(tool);
    if (target === null) {
      return broken(targetProblem(tool));
    }
    drafts.push(ownDraft(tool, target, options.defaultTimeoutMs));
  }
  return { ok: true, drafts };
}

function ownTarget(tool: Tool): ToolTarget | null {
  switch (tool.type) {
    case 'client':
      return { kind: 'wait' };
    case 'http':
      return tool.http === undefined ? null : { kind: 'http', http: tool.http };
    case 'builtin': {
      const builtin = builtinTool(tool.name);
      return builtin === null ? null : { kind: builtin.kind };
    }
    case 'run':
      return tool.run === undefined ? null : { kind: 'run', run: tool.run };
    case 'mcp':
      return null;
    default:
      return tool.type satisfies never;
  }
}

function targetProblem({ type, name }: Tool): string {
  switch (type) {
    case 'http':
      return `the tool ${name} is of type http and says no request`;
    case 'run':
      return `the tool ${name} is of type run and names no agent or flow`;
    case 'client':
    case 'mcp':
    case 'builtin':
      return `there is no built-in tool named ${name}`;
    default:
      return type satisfies never;
  }
}

/** What is asked of a child run when its tool says nothing else. */
const RUN_ARGS: JsonObject = {
  type: 'object',
  properties: {
    message: {
      type: 'string',
      minLength: 1,
      description: 'The task, complete in itself: everything that is needed to do it',
    },
  },
  required: ['message'],
  additionalProperties: false,
};

/** Nothing leaves for it, and it takes effect with its result or not at all. */
function isOwnAct({ kind }: ToolTarget): boolean {
  return kind === 'immediate' || kind === 'plan';
}

function ownDraft(tool: Tool, target: ToolTarget, defaultTimeoutMs: number): ToolDraft {
  const builtin = tool.type === 'builtin' ? builtinTool(tool.name) : null;
  const method = target.kind === 'http' ? target.http.method : null;
  return {
    name: tool.name,
    description: tool.description ?? builtin?.description,
    // The arguments of a built-in are ours to define: the driver reads them.
    inputSchema: builtin?.inputSchema ?? tool.inputSchema ?? (tool.type === 'run' ? RUN_ARGS : undefined),
    type: tool.type,
    approval: tool.approval,
    afterCrash: tool.afterCrash,
    isHarmless: tool.idempotent ?? (method === 'GET' || method === 'HEAD' || isOwnAct(target)),
    timeoutMs: tool.timeoutMs ?? defaultTimeoutMs,
    deadline: tool.deadline,
    approvalDeadline: tool.approvalDeadline,
    onExpire: tool.onExpire,
    maxCalls: tool.maxCalls,
    mustCall: tool.mustCall,
    target,
  };
}

/** Two servers may offer tools of one name: the later ones carry the server's name. */
function uniquelyNamed(draft: ToolDraft, taken: readonly ToolDraft[]): ToolDraft {
  const isTaken = (name: string): boolean => taken.some((other) => other.name === name);
  if (!isTaken(draft.name)) return draft;
  const server = draft.target.kind === 'mcp' ? draft.target.server : 'tool';
  for (let n = 1; ; n += 1) {
    const suffix = n === 1 ? '' : `_${n}`;
    const name = `${server}_${draft.name}`.slice(0, 64 - suffix.length) + suffix;
    if (!isTaken(name)) return { ...draft, name };
  }
}

function broken(message: string): DraftsResult {
  return { ok: false, failure: { kind: 'terminal', code: 'tool_failed', message } };
}

function cleaner(secrets: Readonly<Record<string, string>>): (text: string) => string {
  return (text) => briefText(redactText(text, Object.values(secrets)), 2_000);
}
