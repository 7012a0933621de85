import type { EventData, JsonObject, Mission, RunAgent } from '@fermata/protocol';
import { v5 } from 'uuid';
import { mergeLimits } from './apply.ts';
import type { NewRun } from './new-run.ts';
import { EngineError } from './errors.ts';
import type { Caller } from './caller.ts';
import type { StartRun } from './facade.ts';
import type { AgentsFacade } from './facade-accounts.ts';
import type { MissionsFacade } from './facade-missions.ts';
import type { FlowsFacade } from './facade-flows.ts';
import type { NewWebhook, SealedWebhook } from './facade-webhooks.ts';
import { modelsOfAgent, pinned } from './pinned-agent.ts';
import {
  modelsOf,
  namedFlow,
  policiesOf,
  resolveFlow,
  type Policies,
  type ResolvedFlow,
} from './start-flow.ts';

/** What starting a run needs from around the engine. */
export interface StartRunPorts {
  agents: Pick<AgentsFacade, 'get' | 'defaultAgent'>;
  flows: Pick<FlowsFacade, 'get' | 'faults' | 'defaultFlow'>;
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

/** A new run from a request: the agent or flow resolved and pinned, limits merged, secrets sealed. */
export async function newRun(ports: StartRunPorts, caller: Caller, asked: StartRun): Promise<NewRun> {
  const mission = await missionOf(ports, caller, asked);
  const request = mission === null ? asked : { ...asked, mode: asked.mode ?? mission.mode };
  const { agent, flow, ...own } = await resolveDefinition(ports, caller, request, mission);
  const runId = ports.newRunId();
  const limits = mergeLimits(own.limits ?? {}, request.limits ?? {});
  if (request.mode !== 'external' && typeof limits.maxCostUsd === 'number') requirePrices(ports, own.models);
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
      kind: request.kind ?? (flow === null ? 'agent' : 'flow'),
      origin: caller.via,
      agent,
      // A pinned flow is JSON, which its interface does not say.
      flow: flow as unknown as JsonObject | null,
      title: request.title ?? null,
      sessionId,
      missionId: mission?.id ?? null,
      parent: null,
      forkedFrom: null,
      input: request.input ?? null,
      limits,
      onLimit: request.onLimit ?? own.onLimit ?? 'fail',
      onProviderFailure: request.onProviderFailure ?? own.onProviderFailure ?? 'fail',
      metadata: request.metadata ?? {},
      face: request.face ?? null,
      startAt: request.startAt === undefined ? null : new Date(request.startAt).toISOString(),
      traceparent: request.traceparent ?? null,
    },
  };
}

/** A limit of cost that can never be reached is none: every model that a turn may come to needs a price. */
function requirePrices(ports: StartRunPorts, models: readonly string[]): void {
  const unpriced = models.find((model) => !ports.hasPrice(model));
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

/** What a run carries out, and what that says of the run. */
type Definition = { agent: RunAgent | null; flow: ResolvedFlow['flow'] | null; models: string[] } & Policies;

async function resolveDefinition(
  ports: StartRunPorts,
  caller: Caller,
  request: StartRun,
  mission: Mission | null,
): Promise<Definition> {
  const named = await namedFlow(ports, caller, request);
  if (named === null) {
    const agent = await resolveAgent(ports, caller, request, mission);
    const models = agent === null ? [] : modelsOfAgent(agent);
    return { agent, flow: null, models, ...policiesOf(agent === null ? [] : [agent]) };
  }
  const resolved = await resolveFlow(ports, caller, named, request);
  return { agent: null, flow: resolved.flow, models: modelsOf(resolved), ...policiesOf(resolved.agents) };
}

async function resolveAgent(
  ports: StartRunPorts,
  caller: Caller,
  request: StartRun,
  mission: Mission | null,
): Promise<RunAgent | null> {
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
