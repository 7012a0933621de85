import {
  mapSteps,
  MAX_EVENT_BYTES,
  placedSteps,
  type FlowFields,
  type FlowStep,
  type Limits,
  type RunAgent,
  type RunFlow,
} from '@fermata/protocol';
import type { Caller } from './caller.ts';
import { LIMITS } from './deciders/limits.ts';
import { EngineError } from './errors.ts';
import type { AgentsFacade } from './facade-accounts.ts';
import type { FlowsFacade, NamedFlow } from './facade-flows.ts';
import { modelsOfAgent, pinned } from './pinned-agent.ts';
import type { StartRun } from './start-request.ts';

export interface StartFlowPorts {
  agents: Pick<AgentsFacade, 'get' | 'defaultAgent'>;
  flows: Pick<FlowsFacade, 'get' | 'faults' | 'defaultFlow'>;
}

/** A flow as a run carries it, with the agents of its steps. */
export interface ResolvedFlow {
  flow: RunFlow;
  agents: readonly RunAgent[];
}

type FlowCaller = Pick<Caller, 'organizationId' | 'via'>;

/** Room for the rest of `run.created`. */
const MARGIN_BYTES = 16_384;

/**
 * The flow that a request names, or that the caller’s face has for requests that name nothing; null: an agent. A
 * mission says what its agent is to do, so only a flow that is named goes before that.
 */
export async function namedFlow(
  { flows }: Pick<StartFlowPorts, 'flows'>,
  caller: Caller,
  request: Pick<StartRun, 'flow' | 'flowId' | 'agent' | 'agentId' | 'tools' | 'mode' | 'missionId'>,
): Promise<NamedFlow | null> {
  const { flow, flowId, agent, agentId, tools, mode, missionId } = request;
  if (flow !== undefined) return { flow };
  if (flowId !== undefined) return { flowId };
  const asked = [agent, agentId, tools, missionId];
  const isAgentAsked = asked.some((member) => member !== undefined) || mode === 'external';
  return isAgentAsked ? null : flows.defaultFlow(caller);
}

/** Pins a flow: every agent step carries its agent, in the version of now. */
export async function resolveFlow(
  ports: StartFlowPorts,
  caller: FlowCaller,
  named: NamedFlow,
  request: Pick<StartRun, 'model' | 'script' | 'tools' | 'stepTools' | 'stepToolsYield' | 'mode'>,
): Promise<ResolvedFlow> {
  if (request.mode === 'external') throw new EngineError('invalid_request', 'an external run has no flow');
  if (request.tools !== undefined)
    throw new EngineError('invalid_request', 'the steps of a flow name their tools');
  const { fields, id, version } = await fieldsOf(ports, caller, named);
  const agents = await agentsOf(ports, caller, fields.steps, request);
  const flow: RunFlow = {
    ...fields,
    id,
    version,
    name: fields.name ?? 'flow',
    steps: mapSteps(fields.steps, (step) => withAgent(step, agents.get(step.id))),
  };
  if (Buffer.byteLength(JSON.stringify(flow)) > MAX_EVENT_BYTES - MARGIN_BYTES)
    throw new EngineError('payload_too_large', 'the flow is too large with the agents of its steps');
  return { flow, agents: [...agents.values()] };
}

/** Throws `invalid_request` for steps that have faults, named below `path`. */
export async function assertWorkingSteps(
  flows: Pick<FlowsFacade, 'faults'>,
  steps: readonly FlowStep[],
  path = 'steps',
): Promise<void> {
  const errors = (await flows.faults(steps)).map((fault) => ({
    path: [path, ...fault.path].join('.'),
    message: fault.message,
  }));
  const [first] = errors;
  if (first !== undefined)
    throw new EngineError('invalid_request', `${first.path}: ${first.message}`, { errors });
}

/** Models that a flow may call: its agents', and those of its steps' fallbacks. */
export function modelsOf({ flow, agents }: ResolvedFlow): string[] {
  const fallbacks = [...placedSteps(flow.steps)].flatMap(({ step }) => step.onError?.fallbacks ?? []);
  return [
    ...agents.flatMap(modelsOfAgent),
    ...fallbacks.flatMap((fallback) => (fallback.type === 'model' ? [fallback.model] : [])),
  ];
}

/** What an agent says of the whole run. */
export type Policies = Pick<RunAgent, 'limits' | 'onLimit' | 'onProviderFailure'>;

/** What agents say of the run that they are in; of several the more patient one counts. */
export function policiesOf(agents: readonly RunAgent[]): Policies {
  const [first] = agents;
  return {
    limits: agents.length === 1 ? (first?.limits ?? {}) : limitsOf(agents),
    onLimit: agents.find(({ onLimit }) => onLimit === 'pause')?.onLimit ?? first?.onLimit,
    onProviderFailure:
      agents.find(({ onProviderFailure }) => onProviderFailure === 'hold')?.onProviderFailure ??
      first?.onProviderFailure,
  };
}

/**
 * What limits a run of several agents: the sum of their limits, since each may use its own up; where one has none,
 * neither has the run. The earliest `deadlineAt` holds for all.
 */
export function limitsOf(agents: readonly RunAgent[]): Limits {
  const limits: Limits = {};
  for (const name of LIMITS) {
    const each = agents.map((agent) => agent.limits?.[name] ?? null);
    if (each.length === 0 || each.includes(null)) continue;
    limits[name] = each.reduce<number>((sum, one) => sum + (one ?? 0), 0);
  }
  const deadlines = agents.flatMap(({ limits: own }) => own?.deadlineAt ?? []);
  const [earliest] = deadlines.sort((one, other) => Date.parse(one) - Date.parse(other));
  return earliest === undefined ? limits : { ...limits, deadlineAt: earliest };
}

async function fieldsOf(
  { flows }: StartFlowPorts,
  caller: FlowCaller,
  named: NamedFlow,
): Promise<{ fields: FlowFields; id: string | null; version: number | null }> {
  if ('flow' in named) {
    await assertWorkingSteps(flows, named.flow.steps, 'flow.steps');
    return { fields: named.flow, id: null, version: null };
  }
  const saved = await flows.get(caller, named.flowId);
  const { id, version, createdAt: _createdAt, updatedAt: _updatedAt, ...fields } = saved;
  return { fields, id, version };
}

/** The agent of each agent step, by the step's id. */
async function agentsOf(
  { agents }: StartFlowPorts,
  caller: FlowCaller,
  steps: readonly FlowStep[],
  {
    model,
    script,
    stepTools = [],
    stepToolsYield = false,
  }: Pick<StartRun, 'model' | 'script' | 'stepTools' | 'stepToolsYield'>,
): Promise<Map<string, RunAgent>> {
  const byStep = new Map<string, RunAgent>();
  const saved = new Map<string, RunAgent>();
  const fallback = await agents.defaultAgent(caller);
  async function agentOf(asked: Extract<FlowStep, { type: 'agent' }>['agent']): Promise<RunAgent> {
    if (asked === undefined) return fallback;
    if (typeof asked !== 'string') return pinned(asked, fallback, null, null);
    const known = saved.get(asked);
    if (known !== undefined) return known;
    const found = await agents.get(caller, asked);
    const agent = pinned(found, fallback, found.id, found.version);
    saved.set(asked, agent);
    return agent;
  }
  for (const { step } of placedSteps(steps)) {
    if (step.type !== 'agent') continue;
    const agent = withTools(await agentOf(step.agent), stepTools, stepToolsYield);
    const scripted = script === undefined || agent.script !== undefined ? agent : { ...agent, script };
    const own = scripted === agent || agent.model.startsWith('script/') ? agent.model : 'script/inline';
    byStep.set(step.id, { ...scripted, model: model ?? own });
  }
  return byStep;
}

/** The tools of a request are beside those of every agent of its flow, and go before them unless they yield. */
function withTools(
  agent: RunAgent,
  tools: NonNullable<StartRun['stepTools']>,
  isYielding: boolean,
): RunAgent {
  if (tools.length === 0) return agent;
  const { tools: own = [] } = agent;
  const [first, last] = isYielding ? [own, tools] : [tools, own];
  const names = new Set(first.map(({ name }) => name));
  const others = last.filter(({ name }) => !names.has(name));
  return { ...agent, tools: isYielding ? [...own, ...others] : [...others, ...tools] };
}

function withAgent(step: FlowStep, agent: RunAgent | undefined): FlowStep {
  return step.type === 'agent' && agent !== undefined ? { ...step, agent } : step;
}
