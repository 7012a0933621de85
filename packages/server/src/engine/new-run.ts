import type { EventData } from '@fermata/protocol';
import type { SealedWebhook } from './facade-webhooks.ts';

/** Everything of a new run but what the commit itself gives it: its number. */
export interface NewRun {
  runId: string;
  created: Omit<EventData<'run.created'>, 'number'>;
  /** Sealed box, or null. */
  secrets: string | null;
  /** Of the face that starts it. */
  webhooks?: readonly SealedWebhook[];
  /** Texts of the session's earlier runs, logged behind `run.created`. */
  history?: EventData<'message.received'>[];
  /** Copied log of a fork: the run is born with it, after its own `run.created`. */
  copied?: { fromRunId: string; throughSeq: number };
}
