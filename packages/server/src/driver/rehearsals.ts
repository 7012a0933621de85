import type { PreviewWarning, RunAgent } from '@fermata/protocol';
import { estimateTokens } from '../agent/estimate-tokens.ts';
import type { Models } from '../agent/models/models.ts';
import type { UnaskedTools } from '../agent/tools/unasked-tools.ts';
import { EngineError } from '../engine/errors.ts';
import { findStep, runFlow } from '../engine/flow-path.ts';
import type { EventReads, RunDefinition, RunReads, SnapshotStore } from '../engine/ports.ts';
import type { RunState } from '../engine/state.ts';
import type { DryRun, Rehearsal } from '../engine/preview.ts';
import { applyToTranscript, type Transcript } from '../eventlog/fold.ts';
import { UnknownEvent } from '../eventlog/known-event.ts';
import { loadTranscript } from '../eventlog/snapshot.ts';
import { stepAgent } from './flow/step-agent.ts';
import { keysOfStartedCalls } from './acts/idempotency-key.ts';
import { rehearse, type Rehearsed, type RehearsalStage } from './rehearsal.ts';
import { DEFAULT_SEGMENT_LIMITS, type SegmentDeps } from './segment-ports.ts';

export interface RehearsalDeps {
  events: EventReads;
  snapshots: SnapshotStore;
  runs: Pick<RunReads, 'definition'>;
  models: Pick<Models, 'resolve'>;
  /** The tools of an agent, without asking its MCP servers. */
  toolsOf(agent: RunAgent | null): UnaskedTools;
  /** The run that a call of `delegate` asks for, which is not made. */
  newChildRun: SegmentDeps['newChildRun'];
  /** US dollars of a call, or null when the model has no price. */
  priceOf: SegmentDeps['priceOf'];
}

/** Tells what the driver would do with a run after a commit that was decided and not made. Only reads. */
export function createRehearsals(deps: RehearsalDeps): (dryRun: DryRun) => Promise<Rehearsal> {
  return async ({ before, result, facts, now }) => {
    const { runId } = before;
    const { state } = result;
    const definition = await deps.runs.definition(runId);
    if (definition === null) throw new EngineError('not_found', 'there is no such run');
    const wasRequested = state.calls.some((call) => call.attempt > 0);
    const [transcript, startedKeys] = await Promise.all([
      loadTranscript(deps, runId, before.head).catch(newer),
      wasRequested ? keysOfStartedCalls(deps.events, runId) : new Map<string, string>(),
    ]);
    for (const event of result.events) applyToTranscript(transcript, event);
    const agent = definition.agent ?? carryingAgent(definition, state, transcript);
    const tools = deps.toolsOf(agent);
    const resolveModel: RehearsalStage['resolveModel'] = (name) => deps.models.resolve(name);
    const { callAttempts } = DEFAULT_SEGMENT_LIMITS;
    const { newChildRun, priceOf } = deps;
    const known = {
      definition: { ...definition, agent },
      tools,
      startedKeys,
      resolveModel,
      newChildRun,
      priceOf,
      callAttempts,
    };
    const stage: RehearsalStage = { state, facts, now, transcript, ...known };
    const { isAssuming, ...played } = await rehearse(stage);
    const shown = agent === null ? null : agentOf(agent, stage);
    const cost = played.turn === null || agent === null ? null : costOf(deps, played.turn, agent, stage);
    const warnings = [...warningsOf(played, shown, isAssuming), ...priceWarning(played, cost)];
    return { ...played, agent: shown, cost, warnings };
  };
}

/** Who carries out the step of the flow that is begun; null between two steps. */
function carryingAgent(
  { flow }: RunDefinition,
  { flow: at }: RunState,
  transcript: Transcript,
): RunAgent | null {
  const stepId = at?.step?.id ?? null;
  const step = stepId === null ? null : findStep(runFlow(flow)?.steps ?? [], stepId);
  const begun = transcript.flow?.steps.find(({ id }) => id === stepId);
  const isCarried =
    at?.step?.phase === 'turns' || (at?.step?.phase === 'call' && (begun?.call ?? null) !== null);
  return step === null || begun === undefined || !isCarried ? null : stepAgent(step, begun);
}

function newer(error: unknown): never {
  if (!(error instanceof UnknownEvent)) throw error;
  throw new EngineError(
    'unavailable',
    'the run was driven by a newer version, which must be asked',
    {},
    error,
  );
}

function agentOf(agent: RunAgent, { state, tools, resolveModel }: RehearsalStage): Rehearsal['agent'] {
  const model = state.model ?? agent.model;
  const resolved = resolveModel(model);
  return {
    name: agent.name,
    version: agent.version,
    model,
    provider: resolved.ok ? resolved.provider : null,
    problem: resolved.ok ? null : resolved.message,
    toolsProblem: tools.problem,
    mcpServers: (agent.mcpServers ?? []).map(({ name, url }) => ({ name, url, checked: false })),
  };
}

function costOf(
  deps: RehearsalDeps,
  { model }: { model: string },
  agent: RunAgent,
  { state, tools, transcript }: RehearsalStage,
): Rehearsal['cost'] {
  const { instructions } = agent;
  const inputTokens = estimateTokens({ instructions, messages: transcript.messages, tools: tools.tools });
  const { usage } = state;
  const outputTokens = usage.turns === 0 ? null : Math.round(usage.outputTokens / usage.turns);
  const costUsd = deps.priceOf(model, { inputTokens, outputTokens: outputTokens ?? 0 });
  return { inputTokens, outputTokens, costUsd };
}

function warningsOf(
  { next, calls, opened, turn }: Omit<Rehearsed, 'isAssuming'>,
  agent: Rehearsal['agent'],
  isAssuming: boolean,
): PreviewWarning[] {
  const warnings: PreviewWarning[] = [];
  const goesOn = turn !== null || calls.length > 0;
  if (next === 'in_flight') {
    warnings.push({ code: 'step_in_flight', message: 'a step is under way; what follows depends on it' });
  }
  const { problem, toolsProblem } = agent ?? { problem: null, toolsProblem: null };
  if (problem !== null) warnings.push({ code: 'model_not_configured', message: problem });
  if (toolsProblem !== null && goesOn) warnings.push({ code: 'tools_not_usable', message: toolsProblem });
  const servers = agent?.mcpServers.map((server) => server.name) ?? [];
  if (servers.length > 0 && (isAssuming || turn !== null)) {
    warnings.push({ code: 'mcp_not_checked', message: `not asked: the MCP server ${servers.join(', ')}` });
  }
  for (const { outcome, tool, callId, error } of calls) {
    if (outcome !== 'fail') continue;
    warnings.push({
      code: 'call_fails',
      message: `${tool} (${callId}) cannot be made: ${error?.message ?? ''}`,
    });
  }
  for (const wait of opened) {
    if (wait.kind === 'in_doubt') warnings.push({ code: 'in_doubt', message: wait.prompt });
  }
  return warnings;
}

function priceWarning({ turn }: Pick<Rehearsed, 'turn'>, cost: Rehearsal['cost']): PreviewWarning[] {
  if (turn === null || cost === null || cost.costUsd !== null) return [];
  return [{ code: 'no_price', message: `${turn.model} has no price` }];
}
