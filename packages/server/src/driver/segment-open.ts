import type { RunAgent, RunEvent, RunFlow } from '@fermata/protocol';
import { EngineError } from '../engine/errors.ts';
import { runFlow } from '../engine/flow-path.ts';
import { loadTranscript } from '../eventlog/snapshot.ts';
import { UnknownEvent } from '../eventlog/known-event.ts';
import { createFlowRun, type FlowRun } from './flow/flow-run.ts';
import { createSegmentCommit } from './segment-commit.ts';
import { runFields, type Segment } from './segment-context.ts';
import { createSegmentLog, type SegmentLog } from './segment-log.ts';
import {
  DEFAULT_SEGMENT_LIMITS,
  type ClaimedRun,
  type SegmentControl,
  type SegmentDeps,
} from './segment-ports.ts';
import type { Tenure } from './segment-tenure.ts';

export interface OpenSegment extends AsyncDisposable {
  segment: Segment;
  /** Null for a run of an agent. */
  flow: FlowRun | null;
}

const FIRST_DELAY_MS = 100;
const LAST_DELAY_MS = 2_000;

/**
 * Loads what a segment needs. Null when it must stop before that, or when the run cannot be driven at all, which
 * then is committed. Rejects with `UnknownEvent`, or when the run's secrets cannot be opened.
 */
export async function openSegment(
  deps: SegmentDeps,
  claimed: ClaimedRun,
  tenure: Tenure,
  control: SegmentControl,
): Promise<OpenSegment | null> {
  const { runId } = claimed;
  const feed = feedFrom(deps, claimed, tenure, control);
  try {
    const [definition, transcript] = await Promise.all([
      loaded(deps, tenure, () => deps.runs.definition(runId)),
      loaded(deps, tenure, () => loadTranscript(deps, runId)),
    ]);
    if (tenure.stop.aborted) return close(feed);
    if (definition === null || transcript === null) throw new Error('the run is not there');
    const { clock, committer, events } = deps;
    const { stop: signal, isOver, over: onOver } = tenure;
    const log = createSegmentLog({ runId, state: claimed.state, transcript, events, onLost: onOver });
    const commit = createSegmentCommit({ committer, claimed, log, clock, signal, isOver, onOver });
    feed.into(log);
    const flow = runFlow(definition.flow);
    const agent = definition.agent ?? (flow === null ? null : betweenSteps(flow));
    if (agent === null) {
      await commit([{ type: 'fail', error: { code: 'not_supported', message: UNSUPPORTED } }]);
      return close(feed);
    }
    const secrets = definition.secrets === null ? {} : deps.openSecrets(definition.secrets, runId);
    const toolbox = deps.openToolbox({ definition, secrets });
    const drain = drainOf(control.drain, tenure.stop);
    const segment: Segment = {
      deps,
      limits: { ...DEFAULT_SEGMENT_LIMITS, ...deps.limits },
      run: claimed,
      definition,
      agent,
      secrets,
      toolbox,
      log,
      commit,
      stop: tenure.stop,
      drain: drain.signal,
      failures: { turn: 0, count: 0, rejections: 0, rejected: null },
      step: null,
      messages: () => log.messages(),
    };
    const flowRun = flow === null ? null : createFlowRun(segment, flow);
    return {
      segment,
      flow: flowRun,
      async [Symbol.asyncDispose]() {
        drain.end();
        feed.end();
        await flowRun?.[Symbol.asyncDispose]();
        await toolbox[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    feed.end();
    throw error;
  }
}

const UNSUPPORTED = 'the run has neither an agent nor a flow';

/** Whoever begins and ends the steps of a flow: it has no tools, and makes no turns. */
function betweenSteps({ name }: RunFlow): RunAgent {
  return { id: null, version: null, name, model: '' };
}

function close(feed: Feed): null {
  feed.end();
  return null;
}

/** One signal for both ends, which the process's own, that lives as long as the process, does not keep alive. */
function drainOf(drain: AbortSignal, stop: AbortSignal): { signal: AbortSignal; end(): void } {
  const either = new AbortController();
  const onAbort = (): void => either.abort();
  for (const signal of [drain, stop]) {
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  }
  return { signal: either.signal, end: () => drain.removeEventListener('abort', onAbort) };
}

interface Feed {
  into(log: SegmentLog): void;
  end(): void;
}

/** Brings what others commit to the log; what comes before there is a log is read from the table. */
function feedFrom(deps: SegmentDeps, claimed: ClaimedRun, tenure: Tenure, control: SegmentControl): Feed {
  let log: SegmentLog | null = null;
  let isMissed = false;

  function onCommit(events: readonly RunEvent[] | null): void {
    if (events !== null && (events.at(-1)?.seq ?? 0) <= claimed.state.head) return;
    if (log === null) isMissed = true;
    else take(log, events);
  }

  function take(into: SegmentLog, events: readonly RunEvent[] | null): void {
    into.ingestForeign(events).catch((error: unknown) => {
      if (error instanceof UnknownEvent) tenure.fail(error);
      // The gap stays, and the next commit or hint fills it.
      else deps.log.warn({ ...runFields(claimed), error }, 'events of a run could not be taken in');
    });
  }

  const end = control.onCommit(onCommit);
  return {
    into(ready) {
      log = ready;
      if (isMissed) take(ready, null);
    },
    end,
  };
}

/** Reads, and again while the database cannot be reached. Null when the segment must stop, or there is nothing. */
async function loaded<T>(
  deps: SegmentDeps,
  tenure: Tenure,
  read: () => Promise<T | null>,
): Promise<T | null> {
  for (let delayMs = FIRST_DELAY_MS; !tenure.stop.aborted; delayMs = Math.min(LAST_DELAY_MS, delayMs * 2)) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'unavailable') throw error;
      await deps.clock.sleep(delayMs, tenure.stop);
    }
  }
  return null;
}
