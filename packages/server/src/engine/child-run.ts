import {
  isJsonObject,
  toolSchema,
  type AgentFields,
  type Json,
  type JsonObject,
  type Limits,
  type Run,
  type RunAgent,
  type RunOrigin,
  type ToolRun,
} from '@fermata/protocol';
import type { NewRun } from './new-run.ts';
import { LIMITS, usedOf } from './deciders/limits.ts';
import { EngineError } from './errors.ts';
import { fixedTask, savedAgent, type ChildTask, type FixedCaller } from './fixed-child.ts';
import type { RunDefinition, RunReads } from './ports.ts';
import { pinned } from './pinned-agent.ts';
import type { StartFlowPorts } from './start-flow.ts';
import type { RunState } from './state.ts';
import { MAX_DEPTH } from './tree.ts';

export interface ChildRunPorts extends StartFlowPorts {
  runs: Pick<RunReads, 'byId'>;
  newRunId(): string;
  /** A sealed box of one run as another's. */
  reseal(sealed: string, fromRunId: string, toRunId: string): string;
}

/** A call of `delegate`, or of a tool of type run: by whom, and for which wait. */
export interface Delegation {
  state: RunState;
  definition: RunDefinition;
  /** What the tool runs; null for `delegate`, whose arguments say it. */
  run: ToolRun | null;
  callId: string;
  waitId: string;
  /** Valid against the tool's schema. */
  args: Json;
  /** RFC 3339. */
  now: string;
}

/**
 * The run that a call of `delegate`, or of a tool of type run, asks for. It inherits organization, creator, origin, mission, secrets and trace;
 * its limits are its agent's own, and never more than what is left of its parent's. Throws `EngineError` with a
 * message for the model.
 */
export async function newChildRun(ports: ChildRunPorts, delegation: Delegation): Promise<NewRun> {
  const { state, definition, callId, waitId, now } = delegation;
  const depth = (state.depth ?? 0) + 1;
  if (depth > MAX_DEPTH)
    throw new EngineError('invalid_request', `runs delegate at most ${MAX_DEPTH} deep; do the task yourself`);
  const parent = await ports.runs.byId(definition.organizationId, definition.runId);
  if (parent === null) throw new EngineError('not_found', 'there is no such run');
  const { agent, flow, policies, input, title } = await taskOf(ports, delegation, parent.origin);
  if (flow?.id) await assertNoLoop(ports.runs, parent, flow.id);
  const runId = ports.newRunId();
  const { secrets, traceparent } = definition;
  return {
    runId,
    secrets: secrets === null ? null : ports.reseal(secrets, definition.runId, runId),
    created: {
      organizationId: definition.organizationId,
      by: parent.createdBy,
      key: null,
      mode: 'managed',
      kind: flow === null ? 'agent' : 'flow',
      origin: parent.origin,
      agent,
      // A pinned flow is JSON, which its interface does not say.
      flow: flow as unknown as JsonObject | null,
      title,
      sessionId: null,
      missionId: parent.missionId,
      parent: { runId: definition.runId, callId, waitId },
      depth,
      forkedFrom: null,
      input,
      limits: within(policies.limits ?? {}, limitsLeft(state, now)),
      onLimit: policies.onLimit ?? state.onLimit,
      onProviderFailure: policies.onProviderFailure ?? definition.agent?.onProviderFailure ?? 'fail',
      metadata: {},
      face: null,
      startAt: null,
      traceparent,
    },
  };
}

/** A flow of several calls that calls itself would start runs by the power of its depth, before any limit counts. */
async function assertNoLoop(runs: ChildRunPorts['runs'], caller: Run, flowId: string): Promise<void> {
  let run: Run | null = caller;
  for (let above = 0; run !== null && above <= MAX_DEPTH; above += 1) {
    if (run.flow?.id === flowId) {
      throw new EngineError(
        'invalid_request',
        `this run is part of the flow ${flowId}, which cannot call itself`,
      );
    }
    run = run.parentId === null ? null : await runs.byId(run.organizationId, run.parentId);
  }
}

async function taskOf(
  ports: ChildRunPorts,
  { definition, run, args }: Pick<Delegation, 'definition' | 'run' | 'args'>,
  via: RunOrigin,
): Promise<ChildTask> {
  const { organizationId, agent: own } = definition;
  // A step of a flow that is a call alone has no agent, or one without a model.
  const isAgents = own !== null && own.model !== '';
  const caller = {
    organizationId,
    via,
    own: isAgents ? own : await ports.agents.defaultAgent({ organizationId, via }),
  };
  if (run !== null) return await fixedTask(ports, caller, run, args);
  const { agent: who, input = null, title } = isJsonObject(args) ? args : {};
  const agent = await delegate(ports, caller, who);
  return { agent, flow: null, policies: agent, input, title: typeof title === 'string' ? title : null };
}

/** Who does it, as the model itself says. */
async function delegate(ports: ChildRunPorts, caller: FixedCaller, who: Json | undefined): Promise<RunAgent> {
  const { own } = caller;
  if (who === undefined) return own;
  if (typeof who === 'string') return await savedAgent(ports, caller, who);
  return pinned(inlineAgent(isJsonObject(who) ? who : {}, own), own, null, null);
}

/**
 * An agent that the model itself has written. Its tools are the parent's, by name, or such as no request of ours
 * carries out: a model must not get past the approvals of a tool, or at secrets, by defining it anew.
 */
function inlineAgent(asked: JsonObject, own: RunAgent): AgentFields {
  const { name, model, instructions, tools: listed, script } = asked;
  const tools: NonNullable<AgentFields['tools']> = [];
  const mcpServers: NonNullable<AgentFields['mcpServers']> = [];
  for (const entry of Array.isArray(listed) ? listed : []) {
    const server = own.mcpServers?.find((candidate) => candidate.name === entry);
    const known = own.tools?.find((candidate) => candidate.name === entry && candidate.type !== 'mcp');
    if (known !== undefined) tools.push(known);
    else if (server !== undefined) {
      mcpServers.push(server);
      tools.push(...(own.tools ?? []).filter((tool) => tool.type === 'mcp' && tool.server === server.name));
    } else tools.push(harmlessTool(entry));
  }
  return {
    name: typeof name === 'string' ? name : 'child',
    ...(typeof model === 'string' ? { model } : {}),
    ...(typeof instructions === 'string' ? { instructions } : {}),
    // Checked by the tool's schema as far as the script model needs it, which is strict itself.
    ...(Array.isArray(script) ? { script: script as NonNullable<AgentFields['script']> } : {}),
    tools,
    mcpServers,
    ...(own.toolRules === undefined ? {} : { toolRules: own.toolRules }),
  };
}

function harmlessTool(entry: Json): NonNullable<AgentFields['tools']>[number] {
  if (typeof entry === 'string')
    throw new EngineError('invalid_request', `${entry} is none of the tools of this run`);
  const tool = toolSchema.safeParse(entry);
  if (!tool.success) throw new EngineError('invalid_request', 'a tool of the inline agent is not valid');
  if (tool.data.type === 'client' || tool.data.type === 'builtin') return tool.data;
  throw new EngineError(
    'invalid_request',
    `${tool.data.name}: an inline agent may name tools of this run, or define client and builtin ones`,
  );
}

function limitsLeft(state: RunState, now: string): Limits {
  const left: Limits = {};
  for (const name of LIMITS) {
    const limit = state.limits[name] ?? null;
    if (limit === null) continue;
    const rest = limit - usedOf({ state, now }, name);
    if (rest <= 0) throw new EngineError('budget_exhausted', `nothing is left of ${name} (${limit})`);
    left[name] = name === 'maxCostUsd' ? rest : Math.ceil(rest);
  }
  const { deadlineAt } = state.limits;
  return typeof deadlineAt !== 'string' ? left : { ...left, deadlineAt };
}

/** The narrower one of each. */
function within(own: Limits, left: Limits): Limits {
  const limits: Limits = { ...own, ...left };
  for (const name of LIMITS) {
    const [mine, most] = [own[name] ?? null, left[name] ?? null];
    if (mine !== null && most !== null) limits[name] = Math.min(mine, most);
  }
  const { deadlineAt: mine } = own;
  if (typeof mine === 'string' && typeof left.deadlineAt === 'string')
    limits.deadlineAt = Date.parse(mine) < Date.parse(left.deadlineAt) ? mine : left.deadlineAt;
  return limits;
}
