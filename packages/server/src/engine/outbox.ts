import type { Json } from '@fermata/protocol';
import type { Command } from './commands.ts';

const TYPES = ['treeHold', 'treeRelease', 'treeCancel', 'childChanged', 'childFinished'] as const;

/** What one run's commit may ask of another run. */
export type SentCommand = Extract<Command, { type: (typeof TYPES)[number] }>;

/** A command that is left for another run in the sender's own commit, and applied on it afterwards. */
export interface Sent {
  /** The receiver. */
  runId: string;
  /** Seq in the sender's log. */
  senderSeq: number;
  command: SentCommand;
}

/** The command of a stored row; null for one of a newer version, which this process cannot apply. */
export function sentCommand(stored: Json): SentCommand | null {
  const type = typeof stored === 'object' && stored !== null && 'type' in stored ? stored['type'] : null;
  // What stands there was written by `Sent` of this version or an older one.
  return TYPES.some((known) => known === type) ? (stored as unknown as SentCommand) : null;
}
