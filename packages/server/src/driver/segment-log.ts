import type { RunEvent, TranscriptMessage } from '@fermata/protocol';
import { apply } from '../engine/apply.ts';
import type { CommitResult } from '../engine/commit.ts';
import type { EventReads } from '../engine/ports.ts';
import { dueAt, type RunState } from '../engine/state.ts';
import { applyToTranscript, type Transcript } from '../eventlog/fold.ts';
import { knownEvent } from '../eventlog/known-event.ts';

/**
 * What a segment knows of its run: the narrow state and the conversation, both folds of the same log. Fed by the
 * segment's own commits, by events that others committed, and from the table where seqs are missing; one after the
 * other, whoever brings them. Feeding rejects with `UnknownEvent`, or as the table does.
 */
export interface SegmentLog {
  readonly state: RunState;
  /** Changed in place by what comes later. */
  readonly transcript: Transcript;
  /** A list that later events do not lengthen. */
  messages(): TranscriptMessage[];
  /** What a commit of this segment appended. */
  ingestCommit(result: CommitResult): Promise<void>;
  /** What somebody in this process appended; null: read the table. */
  ingestForeign(events: readonly RunEvent[] | null): Promise<void>;
  /** Gathers the events that are taken in from now on, until `stop`. */
  record(): { events: RunEvent[]; stop(): void };
  /** Called after events were taken in. Returns the function that ends it. */
  onChange(listener: () => void): () => void;
}

export interface SegmentLogOptions {
  runId: string;
  /** As of the claim. */
  state: RunState;
  /** Loaded after the claim. */
  transcript: Transcript;
  events: Pick<EventReads, 'readFrom'>;
  /** The log shows that the run is no longer its segment's. */
  onLost(): void;
}

const PAGE = 500;

export function createSegmentLog(options: SegmentLogOptions): SegmentLog {
  const { runId, transcript, events: reads } = options;
  let state = structuredClone(options.state);
  // A commit's state belongs to the committer: it is copied before an event is applied to it.
  let isShared = false;
  // Loading leaves deltas out, which change no transcript.
  transcript.seq = Math.max(transcript.seq, state.head);
  const recorders = new Set<RunEvent[]>();
  const listeners = new Set<() => void>();
  let queue: Promise<unknown> = Promise.resolve();

  function inOrder(task: () => Promise<RunEvent[]>): Promise<void> {
    const done = queue.then(task).then((taken) => {
      if (taken.length > 0) for (const listener of [...listeners]) listener();
    });
    queue = done.catch(() => undefined);
    return done;
  }

  /** The last event that both folds contain. */
  function position(): number {
    return Math.min(transcript.seq, state.head);
  }

  function take(stored: RunEvent): void {
    const event = knownEvent(stored);
    if (event.seq > state.head) {
      if (isShared) state = structuredClone(state);
      isShared = false;
      state = apply(state, event);
    }
    applyToTranscript(transcript, event);
    for (const recorder of recorders) recorder.push(event);
  }

  async function readUpTo(target: number): Promise<RunEvent[]> {
    const read: RunEvent[] = [];
    while (position() < target) {
      const page = await reads.readFrom(runId, position(), PAGE);
      if (page.length === 0) break;
      for (const event of page) take(event);
      read.push(...page);
    }
    return read;
  }

  async function takeAll(events: readonly RunEvent[]): Promise<RunEvent[]> {
    const taken: RunEvent[] = [];
    for (const event of events) {
      if (event.seq <= position()) continue;
      if (firstSeq(event) > position() + 1) taken.push(...(await readUpTo(event.seq)));
      if (event.seq <= position()) continue;
      take(event);
      taken.push(event);
    }
    return taken;
  }

  return {
    get state() {
      return state;
    },
    transcript,
    messages: () => [...transcript.messages],
    ingestCommit: (result) =>
      inOrder(async () => {
        if (result.state.head > state.head) {
          state = result.state;
          isShared = true;
        }
        const taken = await takeAll(result.events);
        return transcript.seq < state.head ? [...taken, ...(await readUpTo(state.head))] : taken;
      }),
    ingestForeign: (events) =>
      inOrder(async () => {
        const taken = events === null ? await readUpTo(Infinity) : await takeAll(events);
        if (taken.some(isFencing) || dueAt(state) === null) options.onLost();
        return taken;
      }),
    record() {
      const events: RunEvent[] = [];
      recorders.add(events);
      return { events, stop: () => void recorders.delete(events) };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** A compacted delta stands for all seqs from `from` on. */
function firstSeq(event: RunEvent): number {
  return event.type === 'message.delta' ? (event.data.from ?? event.seq) : event.seq;
}

/** These raise the epoch in their commit, so that whoever drove the run drives it no longer. */
function isFencing(event: RunEvent): boolean {
  return event.type === 'segment.lost' || event.type === 'segment.returned';
}
