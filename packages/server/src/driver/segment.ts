import { EngineError } from '../engine/errors.ts';
import { isStepAnswered } from '../engine/state.ts';
import { UnknownEvent } from '../eventlog/known-event.ts';
import { modelTurn } from './acts/model-turn.ts';
import { uncalledTool } from './acts/must-call.ts';
import { lastAssistantText, outputOf } from './acts/run-output.ts';
import { toolCalls } from './acts/tool-calls.ts';
import type { FlowRun } from './flow/flow-run.ts';
import { nextAct, type Act } from './next-act.ts';
import { runFields, type Segment } from './segment-context.ts';
import { delayAfterFailure, giveBack, type GiveBack } from './segment-give-back.ts';
import { watchActiveTime } from './segment-limits.ts';
import { openSegment } from './segment-open.ts';
import type { ClaimedRun, SegmentControl, SegmentDeps } from './segment-ports.ts';
import { saveSnapshotWhenDue } from './segment-snapshot.ts';
import { createTenure } from './segment-tenure.ts';

export interface SegmentRunner {
  /**
   * Drives a claimed run until it parks, ends, is taken away, or is given back. Never rejects. `signal`: the segment
   * is fenced (its reason then is `Fenced`), or the drain limit has passed.
   */
  run(claimed: ClaimedRun, signal: AbortSignal, control: SegmentControl): Promise<void>;
}

/** Drives runs: one `run` call is one segment. */
export function createSegmentRunner(deps: SegmentDeps): SegmentRunner {
  return { run: (claimed, signal, control) => runSegment(deps, claimed, signal, control) };
}

/** Acts in a row that changed nothing, after which the run is given back: it would go on for ever. */
const FRUITLESS_ACTS = 5;
const UNKNOWN_VERSION_DELAY_MS = 5_000;

async function runSegment(
  deps: SegmentDeps,
  claimed: ClaimedRun,
  signal: AbortSignal,
  control: SegmentControl,
): Promise<void> {
  const tenure = createTenure(signal);
  let back: GiveBack = { reason: 'drain', afterMs: 0 };
  try {
    const opened = await openSegment(deps, claimed, tenure, control);
    if (opened !== null) {
      await using closing = opened;
      await drive(closing.segment, closing.flow);
    }
    if (tenure.failure !== null) throw tenure.failure;
  } catch (error) {
    back = await afterError(deps, claimed, error);
  }
  if (!tenure.isOver()) await giveBack(deps, claimed, back);
}

async function afterError(deps: SegmentDeps, claimed: ClaimedRun, error: unknown): Promise<GiveBack> {
  if (error instanceof UnknownEvent) {
    deps.log.warn({ ...runFields(claimed), error }, 'a run of a newer version is given back');
    return { reason: 'unknown_version', afterMs: UNKNOWN_VERSION_DELAY_MS };
  }
  const isOutage = error instanceof EngineError && error.code === 'unavailable';
  const fields = { ...runFields(claimed), error };
  if (isOutage) deps.log.warn(fields, 'a segment could not go on without the database');
  else deps.log.error(fields, 'a segment failed');
  return { reason: 'drain', afterMs: await delayAfterFailure(deps, claimed) };
}

/** Decide, act, commit, until there is nothing more to do here. */
async function drive(segment: Segment, flow: FlowRun | null): Promise<void> {
  const { log, stop, drain } = segment;
  const stopWatching = watchActiveTime(segment);
  try {
    let fruitless = 0;
    while (!stop.aborted && !drain.aborted) {
      saveSnapshotWhenDue(segment);
      const before = log.state.head;
      const goesOn = await perform(segment, flow, nextAct(log.state));
      if (!goesOn) return;
      fruitless = log.state.head > before ? 0 : fruitless + 1;
      if (fruitless >= FRUITLESS_ACTS && !stop.aborted) throw new Error('the segment makes no progress');
    }
  } finally {
    stopWatching();
  }
}

/** False: this segment is done with the run. */
async function perform(segment: Segment, flow: FlowRun | null, act: Act): Promise<boolean> {
  switch (act.kind) {
    case 'turn':
      await modelTurn(flow?.carrier() ?? segment, act);
      return true;
    case 'calls':
      await toolCalls(flow?.carrier() ?? segment);
      return true;
    case 'step':
      if (flow !== null) await advance(segment, flow);
      return true;
    case 'finish':
      await finish(segment);
      return true;
    case 'park':
    case 'give_back':
      return false;
  }
}

/** The last answer was committed while something stood in the way, which is gone, or is a tool that must be called. */
async function finish(segment: Segment): Promise<void> {
  if (await mustGoOn(segment)) return await turnMore(segment);
  const result = outputOf(lastAssistantText(segment.messages()), segment.agent.output);
  const outcome = await segment.commit([
    result.ok
      ? { type: 'finish', output: result.output }
      : { type: 'fail', error: { code: 'invalid_output', message: result.problem } },
  ]);
  if (outcome.kind === 'refused') throw outcome.error;
}

/** The step that turns carry out is over with its last answer, unless there is a tool that must be called. */
async function advance({ log }: Segment, flow: FlowRun): Promise<void> {
  const isAnswered = log.state.flow?.step?.phase === 'turns' && isStepAnswered(log.state);
  if (isAnswered && (await mustGoOn(flow.carrier()))) await turnMore(flow.carrier());
  else await flow.advance();
}

async function turnMore(segment: Segment): Promise<void> {
  await modelTurn(segment, { turn: segment.log.state.turn.number + 1, attempt: 1 });
}

/** Tools that cannot be listed may stand in the way: the turn finds out, and tries again. */
async function mustGoOn({ agent, log, toolbox, stop }: Segment): Promise<boolean> {
  const { state, transcript } = log;
  const isUncalled = (tools: readonly { name: string; mustCall: boolean }[]): boolean =>
    uncalledTool({ state, calls: transcript.calls, tools }) !== null;
  const said = [
    ...(agent.tools ?? []).map(({ name, mustCall = false }) => ({ name, mustCall })),
    ...Object.entries(agent.toolRules ?? {}).map(([name, { mustCall = false }]) => ({ name, mustCall })),
  ];
  if (!isUncalled(said)) return false;
  const tools = await toolbox.resolve(stop);
  return !tools.ok || isUncalled(tools.tools);
}
