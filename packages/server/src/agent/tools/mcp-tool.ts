import { isJsonObject, type Json, type McpServer, type Tool } from '@fermata/protocol';
import { StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  ErrorCode,
  McpError,
  type CallToolResult,
  type Tool as McpTool,
} from '@modelcontextprotocol/sdk/types.js';
import { OutgoingError } from '../../outgoing/outgoing-error.ts';
import { schemaObject } from '../../schemas/json-schema.ts';
import type { StepFailure } from '../failure.ts';
import { outgoingFailure } from './http-tool.ts';
import type { McpCall, McpCallError, McpConnection } from './mcp-connection.ts';
import type { ToolDraft } from './resolved-tool.ts';
import { TemplateError } from './template.ts';
import { completed, failed, type ToolOutcome } from './tool-outcome.ts';

export interface McpToolCall extends Omit<McpCall, 'args'> {
  args: Json;
  secrets: readonly string[];
  clean(text: string): string;
}

/** The tools of a server as the agent sees them; `overrides` are the agent's own entries of type mcp for it. */
export function mcpDrafts(
  server: McpServer,
  offered: readonly McpTool[],
  overrides: readonly Tool[],
  defaultTimeoutMs: number,
): ToolDraft[] {
  const wanted = offered.filter((tool) => server.tools === undefined || server.tools.includes(tool.name));
  return wanted.map((tool): ToolDraft => {
    const name = safeName(tool.name);
    const own = overrides.find((entry) => entry.name === tool.name || entry.name === name);
    const hints = tool.annotations;
    return {
      name,
      description: own?.description ?? tool.description ?? tool.title,
      inputSchema: own?.inputSchema ?? schemaObject(tool.inputSchema),
      type: 'mcp',
      approval: own?.approval ?? server.approval,
      afterCrash: own?.afterCrash ?? server.afterCrash,
      isHarmless: own?.idempotent ?? (hints?.readOnlyHint === true || hints?.idempotentHint === true),
      timeoutMs: own?.timeoutMs ?? server.timeoutMs ?? defaultTimeoutMs,
      deadline: own?.deadline,
      approvalDeadline: own?.approvalDeadline,
      onExpire: own?.onExpire,
      maxCalls: own?.maxCalls,
      mustCall: own?.mustCall,
      target: { kind: 'mcp', server: server.name, remoteName: tool.name },
    };
  });
}

/** One call of an MCP tool. Never throws. */
export async function callMcpTool(connection: McpConnection, call: McpToolCall): Promise<ToolOutcome> {
  const args = isJsonObject(call.args) ? call.args : {};
  const outcome = await connection.call({ ...call, args });
  return outcome.ok ? resultOutcome(outcome.result, call) : errorOutcome(outcome, call);
}

function resultOutcome(result: CallToolResult, call: McpToolCall): ToolOutcome {
  const texts = result.content.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  if (result.isError === true) {
    const message = call.clean(texts.join('\n'));
    return failed('tool_error', message === '' ? 'the tool reported an error' : message);
  }
  if (result.structuredContent !== undefined) return completed(result.structuredContent, call.secrets);
  const isTextOnly = texts.length === result.content.length;
  return completed(isTextOnly ? texts.join('\n') : result.content, call.secrets);
}

function errorOutcome({ error, sent }: McpCallError, call: McpToolCall): ToolOutcome {
  const message = call.clean(error instanceof Error ? error.message : 'the call failed');
  if (!sent) {
    // Blocked and invalid addresses stay so; everything else may go better next time.
    return error instanceof OutgoingError && (error.code === 'blocked' || error.code === 'invalid')
      ? failed(error.code, message)
      : error instanceof TemplateError
        ? failed('invalid_request', message)
        : { kind: 'not_sent', message };
  }
  if (call.signal.aborted) return { kind: 'in_doubt', cause: 'aborted', message: 'the call was aborted' };
  if (error instanceof OutgoingError) return outgoingFailure(error, call.clean);
  if (error instanceof StreamableHTTPError) {
    const status = error.code ?? -1;
    if (status === 502 || status === 504) return { kind: 'in_doubt', cause: 'bad_gateway', message };
    return failed(status > 0 ? `http_${status}` : 'invalid_result', message);
  }
  if (!(error instanceof McpError)) return failed('invalid_result', message);
  if (error.code === ErrorCode.RequestTimeout) return { kind: 'in_doubt', cause: 'time_out', message };
  if (error.code === ErrorCode.ConnectionClosed && /connection closed/i.test(error.message)) {
    return { kind: 'in_doubt', cause: 'reset', message };
  }
  return failed('tool_error', message);
}

/** Why the tools of a server cannot be listed, as a failure of the step that needs them. */
export function discoveryFailure(
  server: McpServer,
  error: unknown,
  clean: (text: string) => string,
): StepFailure {
  const reason = error instanceof Error ? error.message : 'unknown error';
  const message = clean(`the tools of the MCP server ${server.name} cannot be listed: ${reason}`);
  const status = error instanceof StreamableHTTPError ? (error.code ?? -1) : -1;
  const isFinal =
    (status >= 400 && status < 500 && status !== 408 && status !== 429) ||
    (error instanceof OutgoingError && (error.code === 'blocked' || error.code === 'invalid')) ||
    error instanceof TemplateError ||
    (error instanceof TypeError && /invalid url/i.test(error.message));
  return isFinal
    ? { kind: 'terminal', code: 'tool_failed', message }
    : { kind: 'retryable', afterMs: null, code: 'tool_failed', message };
}

/** A name that every model provider takes. */
function safeName(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 64);
}
