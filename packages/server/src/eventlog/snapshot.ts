import type { EventReads, SnapshotStore } from '../engine/ports.ts';
import {
  applyToTranscript,
  createTranscript,
  FOLD_VERSION,
  transcriptFromJson,
  transcriptToJson,
  type Transcript,
} from './fold.ts';

export interface TranscriptSources {
  events: EventReads;
  snapshots: SnapshotStore;
}

const PAGE = 200;

/**
 * The transcript of a run up to the end of its log, or to `through`: its snapshot and what came since. A snapshot of
 * another fold version is ignored, and the whole log folded.
 * @throws UnknownEvent
 */
export async function loadTranscript(
  sources: TranscriptSources,
  runId: string,
  through?: number,
): Promise<Transcript> {
  const stored = await sources.snapshots.get(runId);
  const isUsable = stored?.foldVersion === FOLD_VERSION && stored.seq <= (through ?? Infinity);
  const transcript = isUsable ? transcriptFromJson(stored.seq, stored.data) : createTranscript();
  await catchUp(sources.events, runId, transcript, through);
  return transcript;
}

/** Applies the events since `transcript.seq`, up to `through`. Deltas, which a log is full of, are not read. */
export async function catchUp(
  events: EventReads,
  runId: string,
  transcript: Transcript,
  through?: number,
): Promise<void> {
  for (;;) {
    const page = await events.page(runId, {
      after: transcript.seq,
      ...(through === undefined ? {} : { before: through + 1 }),
      without: ['message.delta', 'tool.output'],
      limit: PAGE,
    });
    for (const event of page) applyToTranscript(transcript, event);
    if (page.length < PAGE) return;
  }
}

/** Keeps the transcript, so that a later segment starts from here. */
export async function saveTranscript(
  snapshots: SnapshotStore,
  runId: string,
  transcript: Transcript,
): Promise<void> {
  const { seq } = transcript;
  await snapshots.put(runId, { foldVersion: FOLD_VERSION, seq, data: transcriptToJson(transcript) });
}
