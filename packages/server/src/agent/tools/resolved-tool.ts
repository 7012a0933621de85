import type {
  ApprovalPolicy,
  DeadlineStep,
  HttpTool,
  Json,
  JsonObject,
  Tool,
  ToolRun,
} from '@fermata/protocol';
import { compileSchema, problemText } from '../../schemas/json-schema.ts';

/**
 * How a tool is called: by an HTTP request, on an MCP server, at once by us, by a change of the run's plan that is
 * committed with its result, by a child run, or by a wait that the driver opens.
 */
export type ToolTarget =
  | { kind: 'http'; http: HttpTool }
  | { kind: 'mcp'; server: string; remoteName: string }
  | { kind: 'immediate' }
  | { kind: 'plan' }
  | { kind: 'run'; run: ToolRun }
  | { kind: 'wait' };

/** A tool of an agent with every default filled in. */
export interface ResolvedTool {
  name: string;
  description: string | undefined;
  inputSchema: JsonObject;
  type: Tool['type'];
  approval: ApprovalPolicy;
  /** What to do with a call in doubt when no approval was given; see `afterCrashOf`. */
  afterCrash: 'retry' | 'ask';
  /** True when the agent says so itself, which then also holds after an approval. */
  isAfterCrashSet: boolean;
  timeoutMs: number;
  deadline: DeadlineStep[] | undefined;
  /** Of its approval, where that is another. */
  approvalDeadline: DeadlineStep[] | undefined;
  onExpire: 'continue' | 'fail';
  /** Calls of it in one run at most, or null. */
  maxCalls: number | null;
  /** The run does not finish before it was called. */
  mustCall: boolean;
  /** True for client tools, child runs and the built-ins that wait: no request leaves, the driver opens a wait. */
  opensWait: boolean;
  target: ToolTarget;
  /** The first problem of the arguments with its path, for the model, or null. */
  argsValid(args: Json): string | null;
}

export interface ToolDraft {
  name: string;
  description: string | undefined;
  inputSchema: JsonObject | undefined;
  type: Tool['type'];
  approval: ApprovalPolicy | undefined;
  afterCrash: 'retry' | 'ask' | undefined;
  /** Asking twice is harmless by nature: GET, HEAD, or marked so. */
  isHarmless: boolean;
  timeoutMs: number;
  deadline: DeadlineStep[] | undefined;
  approvalDeadline: DeadlineStep[] | undefined;
  onExpire: 'continue' | 'fail' | undefined;
  maxCalls: number | undefined;
  mustCall: boolean | undefined;
  target: ToolTarget;
}

const ANY_ARGS: JsonObject = { type: 'object', properties: {} };

export function resolvedTool(draft: ToolDraft): ResolvedTool {
  const inputSchema = draft.inputSchema ?? ANY_ARGS;
  return {
    name: draft.name,
    description: draft.description,
    inputSchema,
    type: draft.type,
    approval: draft.approval ?? 'never',
    afterCrash: draft.afterCrash ?? (draft.isHarmless ? 'retry' : 'ask'),
    isAfterCrashSet: draft.afterCrash !== undefined,
    timeoutMs: draft.timeoutMs,
    deadline: draft.deadline,
    approvalDeadline: draft.approvalDeadline,
    onExpire: draft.onExpire ?? 'continue',
    maxCalls: draft.maxCalls ?? null,
    mustCall: draft.mustCall ?? false,
    opensWait: draft.target.kind === 'wait' || draft.target.kind === 'run',
    target: draft.target,
    argsValid: (args) => argsProblem(inputSchema, args),
  };
}

/** What to do with a call in doubt: after an approval always ask, unless the agent says otherwise. */
export function afterCrashOf(tool: ResolvedTool, wasApproved: boolean): 'retry' | 'ask' {
  return wasApproved && !tool.isAfterCrashSet ? 'ask' : tool.afterCrash;
}

function argsProblem(schema: JsonObject, args: Json): string | null {
  const compiled = compileSchema(schema);
  // The model cannot mend a tool whose schema is broken; an MCP server's may be, ours are checked when saved.
  if (!compiled.ok) return null;
  const problem = compiled.validate(args);
  return problem === null ? null : problemText(problem);
}
