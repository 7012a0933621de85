import type { TranscriptMessage } from '@fermata/protocol';
import type { Page } from '../engine/caller.ts';
import type { RunsPorts } from '../engine/run-commands.ts';
import { transcriptPage } from './fold.ts';
import { loadTranscript, type TranscriptSources } from './snapshot.ts';

const DEFAULT_LIMIT = 100;

/** Pages of a run's folded transcript; the cursor is a seq. */
export function createTranscriptPages(sources: TranscriptSources): RunsPorts['transcript'] {
  return async (runId, query): Promise<Page<TranscriptMessage>> => {
    const { messages } = await loadTranscript(sources, runId);
    const { data, nextAfter } = transcriptPage(messages, { ...query, limit: query.limit ?? DEFAULT_LIMIT });
    return { data, nextCursor: nextAfter === null ? null : String(nextAfter) };
  };
}
