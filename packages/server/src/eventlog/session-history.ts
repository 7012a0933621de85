import { SESSION_HISTORY_TEXTS, textOf, type Actor, type EventData } from '@fermata/protocol';
import type { Caller } from '../engine/caller.ts';
import type { SessionBegin } from '../engine/start-run.ts';
import type { Transcript } from './fold.ts';
import { loadTranscript, type TranscriptSources } from './snapshot.ts';

export interface SessionHistoryPorts {
  /** Ids of the session's finished runs, newest first, at most `limit`. */
  finishedRuns(organizationId: number, sessionId: string, limit: number): Promise<string[]>;
  transcript(runId: string): Promise<Transcript>;
}

/** What all texts together may have, bytes: they stand in the log of the run that begins with them. */
const MAX_BYTES = 128 * 1024;

/**
 * What a new run of a session begins with: the last texts of user and assistant in its finished runs, oldest first.
 * What those runs had taken over themselves is left out, so that nothing stands there twice.
 */
export async function sessionHistory(
  { finishedRuns, transcript }: SessionHistoryPorts,
  organizationId: number,
  sessionId: string,
): Promise<EventData<'message.received'>[]> {
  const texts: EventData<'message.received'>[] = [];
  let bytes = 0;
  for (const runId of await finishedRuns(organizationId, sessionId, SESSION_HISTORY_TEXTS)) {
    const { messages, history } = await transcript(runId);
    for (const message of messages.slice(history).toReversed()) {
      const text = textOf(message.parts);
      if (message.role === 'system' || text === '') continue;
      bytes += Buffer.byteLength(text);
      if (texts.length >= SESSION_HISTORY_TEXTS || bytes > MAX_BYTES) return texts.toReversed();
      texts.push({
        messageId: null,
        role: message.role,
        parts: [{ type: 'text', text }],
        by: message.by ?? agentOf(runId),
        history: true,
      });
    }
  }
  return texts.toReversed();
}

function agentOf(runId: string): Actor {
  return { type: 'agent', id: runId, name: 'agent' };
}

/** What a new run of a session does before it is created: the session is there, and its conversation is read. */
export function createSessionBegin(
  sessions: Pick<SessionHistoryPorts, 'finishedRuns'> & {
    touch(caller: Caller, session: { id: string; key: string | null }): Promise<void>;
  },
  sources: TranscriptSources,
): SessionBegin {
  return {
    async begin(caller, session) {
      await sessions.touch(caller, session);
      const ports = {
        finishedRuns: sessions.finishedRuns,
        transcript: (runId: string) => loadTranscript(sources, runId),
      };
      return sessionHistory(ports, caller.organizationId, session.id);
    },
  };
}
