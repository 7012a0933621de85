import type { RunError, TranscriptMessage } from '@fermata/protocol';
import { ContentUnavailableError } from '../../agent/failure.ts';
import type { LoadedBlob, ModelOutcome } from '../../agent/models/model-request.ts';
import type { ResolvedModel } from '../../agent/models/resolve-model.ts';
import type { ResolvedTool } from '../../agent/tools/resolved-tool.ts';
import { createDeltaStream, type DeltaStream } from '../deltas.ts';
import type { Segment } from '../segment-context.ts';
import { completeAsGiven, completeTurn } from './complete-turn.ts';
import { failTurn, type Attempt } from './failed-turn.ts';
import { forcedTool } from './must-call.ts';
import { toolChoiceOf } from './tool-choice.ts';
import { turnModel } from './turn-model.ts';
import { endUnreviewed } from './unreviewed-plan.ts';

/**
 * One attempt at one turn: the model call with its deltas, and the commit that completes or fails it. An attempt
 * that is aborted commits nothing: whoever aborted it has committed that it is over.
 */
export async function modelTurn(
  segment: Segment,
  { turn, attempt }: { turn: number; attempt: number },
): Promise<void> {
  const { deps, log, agent, failures, step } = segment;
  if (failures.turn !== turn) Object.assign(failures, { turn, count: 0, rejections: 0, rejected: null });
  if (await endUnreviewed(segment)) return;
  const providerKeys = deps.providerKeysOf?.(segment.secrets) ?? {};
  const resolve = (name: string): ResolvedModel => deps.models.resolve(name, providerKeys);
  const instead = step?.model ?? null;
  const chosen = turnModel({ state: log.state, agent, instead, resolve, priceOf: deps.priceOf });
  const unfit = chosen.ok || chosen.failsTurn ? null : chosen.error;
  const refusal = unfit ?? turnsSpent(segment, turn);
  if (refusal !== null) {
    await segment.commit([step?.fails(refusal) ?? { type: 'fail', error: refusal }]);
    return;
  }
  const model = chosen.ok ? chosen.model : chosen.name;
  const tools = await segment.toolbox.resolve(segment.stop);
  if (segment.stop.aborted) return;
  // What the prompt contains is settled here: an event that comes later than `through` is for the next turn.
  const messages = segment.messages();
  const through = log.transcript.seq;
  const { calls } = log.transcript;
  const forced = tools.ok ? forcedTool({ state: log.state, calls, tools: tools.tools }) : null;
  const started = await segment.commit([{ type: 'startTurn', through, turn, attempt, model, forced }]);
  if (started.kind !== 'committed' || !isInFlight(segment, turn, attempt)) return;
  const tried: Attempt = { turn, attempt, model };
  if (!chosen.ok) return await failTurn(segment, tried, { kind: 'terminal', ...chosen.error });
  if (chosen.given !== null) {
    const told = { text: chosen.given, tools: tools.ok ? tools.tools : [] };
    return await completeAsGiven(segment, tried, told);
  }
  if (!tools.ok) return await failTurn(segment, tried, tools.failure);
  const deltas = createDeltaStream({
    turn,
    attempt,
    clock: deps.clock,
    commit: async (commands) => (await segment.commit(commands)).kind === 'committed',
  });
  const outcome = await deps.models.call({
    model: chosen.name,
    script: chosen.script,
    turn: turn - (step?.turnsBefore ?? 0),
    attempt,
    instructions: agent.instructions,
    messages: [...messages, ...correction(segment, through)],
    tools: tools.tools.map(modelTool),
    settings: agent.settings,
    toolChoice: toolChoiceOf(agent, messages, forced),
    parallelToolCalls: agent.parallelToolCalls,
    output: agent.output,
    providerKeys,
    signal: segment.stop,
    onDelta: (delta) => deltas.push(delta),
    loadBlob: (url) => loadBlob(segment, url),
  });
  await settle(segment, tried, tools.tools, deltas, outcome);
}

/** The agent of a step has used up its own turns. */
function turnsSpent({ step, agent }: Segment, turn: number): RunError | null {
  const most = agent.limits?.maxTurns ?? null;
  if (step === null || most === null || turn - step.turnsBefore <= most) return null;
  return { code: 'max_turns', message: `${agent.name} has made the ${most} turns that it may make` };
}

function isInFlight({ log }: Segment, turn: number, attempt: number): boolean {
  const { phase, number, attempt: current } = log.state.turn;
  return phase === 'model' && number === turn && current === attempt;
}

async function settle(
  segment: Segment,
  tried: Attempt,
  tools: readonly ResolvedTool[],
  deltas: DeltaStream,
  outcome: ModelOutcome,
): Promise<void> {
  const first = await deltas.end();
  if (!outcome.ok) return await failTurn(segment, tried, outcome.failure);
  await completeTurn(segment, tried, { answer: outcome, tools, first });
}

function modelTool(tool: ResolvedTool): {
  name: string;
  description: string | undefined;
  inputSchema: ResolvedTool['inputSchema'];
  type: ResolvedTool['type'];
  approval: ResolvedTool['approval'];
} {
  const { name, description, inputSchema, type, approval } = tool;
  return { name, description, inputSchema, type, approval };
}

/** What was wrong with the last answer, for the model alone: it is not part of the conversation. */
function correction({ failures, deps }: Segment, seq: number): TranscriptMessage[] {
  if (failures.rejected === null) return [];
  const { text, problem } = failures.rejected;
  const at = new Date(deps.clock.now()).toISOString();
  const note = `Your answer is not a valid result: ${problem}. Answer again, with nothing but JSON that fits the schema.`;
  const message = { id: null, seq, at, by: null, turn: null, calls: [] };
  return [
    { ...message, role: 'assistant', parts: [{ type: 'text', text }] },
    { ...message, role: 'user', parts: [{ type: 'text', text: note }] },
  ];
}

async function loadBlob({ deps, run }: Segment, url: string): Promise<LoadedBlob> {
  const digest = /^blob:sha256-([0-9a-f]{64})$/.exec(url)?.[1];
  const blob = digest === undefined ? null : await deps.blobs.get(run.organizationId, digest);
  if (blob === null)
    throw new ContentUnavailableError('a stored file of the conversation is not there any more');
  return blob;
}
