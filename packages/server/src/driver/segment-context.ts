import type { Json, JsonObject, RunAgent, RunError, TranscriptMessage } from '@fermata/protocol';
import type { ResolvedTool } from '../agent/tools/resolved-tool.ts';
import type { Toolbox } from '../agent/tools/toolbox.ts';
import type { CommandOf, StepEnd } from '../engine/commands.ts';
import type { RunDefinition } from '../engine/ports.ts';
import type { SegmentCommit } from './segment-commit.ts';
import type { SegmentLog } from './segment-log.ts';
import type { ClaimedRun, SegmentDeps, SegmentLimits } from './segment-ports.ts';

/** What the acts of one segment share. */
export interface Segment {
  readonly deps: SegmentDeps;
  readonly limits: SegmentLimits;
  readonly run: ClaimedRun;
  readonly definition: RunDefinition;
  readonly agent: RunAgent;
  readonly secrets: Readonly<Record<string, string>>;
  readonly toolbox: Toolbox;
  readonly log: SegmentLog;
  readonly commit: SegmentCommit;
  /** Every step in flight must end now: the run is no longer this segment's, or the drain limit has passed. */
  readonly stop: AbortSignal;
  /** No step may be begun any more, and none be waited for. */
  readonly drain: AbortSignal;
  readonly failures: TurnFailures;
  /** The step of a flow that the turns carry out; null: they are the run's own. */
  readonly step: TurnsStep | null;
  /** What a model reads: a list that later events do not lengthen. */
  messages(): TranscriptMessage[];
}

/** What the turns of a step of a flow have of their own. */
export interface TurnsStep {
  /** Turns of the run before it. */
  readonly turnsBefore: number;
  /** Takes the place of every other: a fallback. */
  readonly model: string | null;
  /** Of the answer, where the agent has none. */
  readonly resultSchema?: JsonObject;
  /** A failure is not the end: something else can be tried. */
  readonly hasFallback: boolean;
  /** What ends with this output, unless a message comes before. */
  ends(output: Json): Promise<readonly StepEnd[]>;
  fails(error: RunError): CommandOf<'failStep'>;
}

/** What went wrong with the turn that is being tried; forgotten when it is done, and when the run is parked. */
export interface TurnFailures {
  turn: number;
  count: number;
  /** Those of them that were answers, but no valid results. */
  rejections: number;
  /** An answer that was no valid result, and why: shown to the model in the next attempt. */
  rejected: { text: string; problem: string } | null;
}

export function findTool(tools: readonly ResolvedTool[], name: string): ResolvedTool | undefined {
  return tools.find((tool) => tool.name === name);
}

/** The run as the logs of the process name it. */
export function runFields(run: ClaimedRun): object {
  return { runId: run.runId, epoch: run.epoch };
}
