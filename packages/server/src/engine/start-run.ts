import type { AgentFields, EventData, Mission, RunAgent } from '@fermata/protocol';
import { v5 } from 'uuid';
import { mergeLimits } from './apply.ts';
import type { NewRun } from './new-run.ts';
import { EngineError } from './errors.ts';
import type { Caller } from './caller.ts';
import type { StartRun } from './facade.ts';
import type { AgentsFacade } from './facade-accounts.ts';
import type { MissionsFacade } from './facade-missions.ts';
import type { NewWebhook, SealedWebhook } from './facade-webhooks.ts';

/** What starting a run needs from around the engine. */
export interface StartRunPorts {
  agents: Pick<AgentsFacade, 'get' | 'defaultAgent'>;
  missions: Pick<MissionsFacade, 'get' | 'unassignedId'>;
  sessions: SessionBegin;
  newRunId(): string;
  /** False: what a call of the model costs is not known. True also for a model that nobody knows. */
  hasPrice(model: string): boolean;
  newWebhookId(): string;
  /** Seals the run's secrets; the context binds them to the run. */
  seal(plaintext: string, context: string): string;
}

/** The session of a new run: made when it is not there yet, and what the run begins with. */
export interface SessionBegin {
  begin(
    caller: Caller,
    session: { id: string; key: string | null },
  ): Promise<EventData<'message.received'>[]>;
}

/** A new run from a request: the agent resolved and pinned, limits merged, secrets sealed. */
export async function newRun(ports: StartRunPorts, caller: Caller, asked: StartRun): Promise<NewRun> {
  const mission = await missionOf(ports, caller, asked);
  const request = mission === null ? asked : { ...asked, mode: asked.mode ?? mission.mode };
  const agent = await resolveAgent(ports, caller, request, mission);
  const runId = ports.newRunId();
  const limits = mergeLimits(agent?.limits ?? {}, request.limits ?? {});
  if (request.mode !== 'external' && typeof limits.maxCostUsd === 'number') requirePrice(ports, agent);
  const { secrets } = request;
  const sessionId = request.sessionId ?? sessionOf(caller, request.sessionKey);
  const history =
    sessionId === null
      ? []
      : await ports.sessions.begin(caller, { id: sessionId, key: request.sessionKey ?? null });
  return {
    runId,
    // Whoever drives an external run keeps its conversation.
    history: request.mode === 'external' ? [] : history,
    secrets: secrets === undefined ? null : ports.seal(JSON.stringify(secrets), runId),
    webhooks: sealWebhooks(ports, request.webhooks ?? []),
    created: {
      organizationId: caller.organizationId,
      by: caller.actor,
      key: request.key ?? null,
      mode: request.mode ?? 'managed',
      kind: request.kind ?? (request.flow === undefined ? 'agent' : 'flow'),
      origin: caller.via,
      agent,
      flow: request.flow ?? null,
      title: request.title ?? null,
      sessionId,
      missionId: mission?.id ?? null,
      parent: null,
      forkedFrom: null,
      input: request.input ?? null,
      limits,
      onLimit: request.onLimit ?? agent?.onLimit ?? 'fail',
      onProviderFailure: request.onProviderFailure ?? agent?.onProviderFailure ?? 'fail',
      metadata: request.metadata ?? {},
      face: request.face ?? null,
      startAt: request.startAt === undefined ? null : new Date(request.startAt).toISOString(),
      traceparent: request.traceparent ?? null,
    },
  };
}

/** A limit of cost that can never be reached is none: every model that a turn may come to needs a price. */
function requirePrice(ports: StartRunPorts, agent: RunAgent | null): void {
  if (agent === null) return;
  const fallbacks = (agent.fallbacks ?? []).flatMap((one) => (one.type === 'model' ? [one.model] : []));
  const unpriced = [agent.model, ...fallbacks].find((model) => !ports.hasPrice(model));
  if (unpriced === undefined) return;
  throw new EngineError(
    'not_configured',
    `the run has maxCostUsd, and the model ${unpriced} has no price; the operator sets one in FERMATA_PRICES`,
  );
}

/** The mission that a run belongs to; null for the one that stands for none. */
async function missionOf(
  { missions }: StartRunPorts,
  caller: Caller,
  { missionId }: StartRun,
): Promise<Mission | null> {
  if (missionId === undefined) return null;
  const mission = await missions.get(caller, missionId);
  return mission.id === (await missions.unassignedId(caller)) ? null : mission;
}

/** Webhooks of a run under ids of their own, their secrets sealed. */
export function sealWebhooks(
  { newWebhookId, seal }: Pick<StartRunPorts, 'newWebhookId' | 'seal'>,
  webhooks: readonly NewWebhook[],
): SealedWebhook[] {
  return webhooks.map(({ url, secret }) => {
    const id = newWebhookId();
    return { id, url, secret: secret === null ? null : seal(secret, id) };
  });
}

/** The session of a caller's own key: the same UUID in every process, without a look-up. */
export function sessionOf({ organizationId }: Caller, key: string | undefined): string | null {
  return key === undefined ? null : v5(`${organizationId}:${key}`, SESSION_NAMESPACE);
}

const SESSION_NAMESPACE = 'f3a1c1f0-5e55-4107-8f6e-6665726d6174';

async function resolveAgent(
  ports: StartRunPorts,
  caller: Caller,
  request: StartRun,
  mission: Mission | null,
): Promise<RunAgent | null> {
  if (request.flow !== undefined) {
    throw new EngineError('not_supported', 'flows are not supported yet');
  }
  const isNamed = request.agentId !== undefined || request.agent !== undefined;
  if (request.mode === 'external' && !isNamed && request.model === undefined) return null;
  const base = await baseAgent(ports, caller, request);
  const model = (isNamed ? null : mission?.model) ?? base.model;
  return {
    ...base,
    ...(isNamed || mission === null ? {} : missionAgent(mission)),
    ...(request.tools === undefined ? {} : { tools: request.tools }),
    ...(request.script === undefined ? {} : { script: request.script }),
    ...(request.instructions === undefined ? {} : { instructions: request.instructions }),
    model:
      request.model ??
      (request.script === undefined || model.startsWith('script/') ? model : 'script/inline'),
  };
}

/** What a managed mission says of the agent of its runs, beside its model. */
function missionAgent({ name, instructions }: Mission): Partial<RunAgent> {
  return { name: name === '' ? 'agent' : name, ...(instructions === null ? {} : { instructions }) };
}

async function baseAgent(ports: StartRunPorts, caller: Caller, request: StartRun): Promise<RunAgent> {
  const fallback = await ports.agents.defaultAgent(caller);
  if (request.agentId !== undefined) {
    const saved = await ports.agents.get(caller, request.agentId);
    return pinned(saved, fallback, saved.id, saved.version);
  }
  if (request.agent !== undefined) return pinned(request.agent, fallback, null, null);
  return fallback;
}

/** An agent as a run carries it: what it does not say is the fallback's model. */
export function pinned(
  fields: AgentFields,
  fallback: Pick<RunAgent, 'model'>,
  id: string | null,
  version: number | null,
): RunAgent {
  const {
    name,
    model,
    script,
    instructions,
    tools,
    mcpServers,
    limits,
    onLimit,
    onProviderFailure,
    settings,
    toolChoice,
    parallelToolCalls,
    fallbacks,
    output,
    metadata,
  } = fields;
  return {
    id,
    version,
    name: name ?? 'agent',
    model: model ?? (script === undefined ? fallback.model : 'script/inline'),
    ...(script === undefined ? {} : { script }),
    ...(instructions === undefined ? {} : { instructions }),
    ...(tools === undefined ? {} : { tools }),
    ...(mcpServers === undefined ? {} : { mcpServers }),
    ...(limits === undefined ? {} : { limits }),
    ...(onLimit === undefined ? {} : { onLimit }),
    ...(onProviderFailure === undefined ? {} : { onProviderFailure }),
    ...(settings === undefined ? {} : { settings }),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...(parallelToolCalls === undefined ? {} : { parallelToolCalls }),
    ...(fallbacks === undefined ? {} : { fallbacks }),
    ...(output === undefined ? {} : { output }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}
