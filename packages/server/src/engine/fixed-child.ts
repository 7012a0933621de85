import {
  flowFieldsSchema,
  inputMessages,
  isJsonObject,
  textOf,
  type Json,
  type JsonObject,
  type RunAgent,
  type RunOrigin,
  type ToolRun,
} from '@fermata/protocol';
import { EngineError } from './errors.ts';
import type { NamedFlow } from './facade-flows.ts';
import { pinned } from './pinned-agent.ts';
import {
  policiesOf,
  resolveFlow,
  type Policies,
  type ResolvedFlow,
  type StartFlowPorts,
} from './start-flow.ts';

/** What a child run is to carry out, with what input. */
export interface ChildTask {
  agent: RunAgent | null;
  flow: ResolvedFlow['flow'] | null;
  policies: Policies;
  input: Json | null;
  title: string | null;
}

/** For whom a tool of type run is called. */
export interface FixedCaller {
  organizationId: number;
  via: RunOrigin;
  /** The agent that calls it, whose model a child has that names none. */
  own: RunAgent;
}

/** The child run that a tool of type run stands for, whatever its arguments say. Saved ones are those of now. */
export async function fixedTask(
  ports: StartFlowPorts,
  caller: FixedCaller,
  { agent, flow }: ToolRun,
  args: Json,
): Promise<ChildTask> {
  const given = isJsonObject(args) ? args : {};
  if (flow !== undefined) {
    const named = typeof flow === 'string' ? { flowId: flow } : inlineFlow(flow);
    const resolved = await resolveFlow(ports, caller, named, {});
    const policies = policiesOf(resolved.agents);
    return { agent: null, flow: resolved.flow, policies, input: given, title: null };
  }
  if (agent === undefined) throw new EngineError('invalid_request', 'the tool names no agent and no flow');
  const found =
    typeof agent === 'string'
      ? await savedAgent(ports, caller, agent)
      : pinned(agent, caller.own, null, null);
  return { agent: found, flow: null, policies: found, input: inputOf(given), title: null };
}

export async function savedAgent(
  { agents }: StartFlowPorts,
  { organizationId, own }: FixedCaller,
  agentId: string,
): Promise<RunAgent> {
  const saved = await agents.get({ organizationId }, agentId);
  return pinned(saved, own, saved.id, saved.version);
}

/** Checked when the agent was saved, but not in an agent of a file or of a face. */
function inlineFlow(flow: JsonObject): NamedFlow {
  const fields = flowFieldsSchema.safeParse(flow);
  if (fields.success) return { flow: fields.data };
  const [issue] = fields.error.issues;
  throw new EngineError('invalid_request', `the flow of the tool is none: ${issue?.message ?? ''}`);
}

/**
 * The arguments as the input of an agent: a message alone is said to it as it is. What would pass for a conversation
 * of its own, system messages included, is told as text: it is the model that wrote it.
 */
function inputOf(args: JsonObject): Json {
  const { message, ...rest } = args;
  if (typeof message === 'string' && Object.keys(rest).length === 0) return message;
  const text = JSON.stringify(args);
  const [first, second] = inputMessages(args);
  const isTold = second === undefined && first?.role === 'user' && textOf(first.parts) === text;
  return isTold ? args : text;
}
