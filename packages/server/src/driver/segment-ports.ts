import type { RunEvent, TokenUsage } from '@fermata/protocol';
import type { Models } from '../agent/models/models.ts';
import type { Toolbox } from '../agent/tools/toolbox.ts';
import type { Delegation } from '../engine/child-run.ts';
import type { CommitPort } from '../engine/commit.ts';
import type { NewRun } from '../engine/new-run.ts';
import type { BlobStore, EventReads, RunDefinition, RunReads, SnapshotStore } from '../engine/ports.ts';
import type { RunState } from '../engine/state.ts';

/** A run that this process has claimed, as `CommitListener.claimed` tells it. */
export interface ClaimedRun {
  runId: string;
  organizationId: number;
  epoch: number;
  claim: string;
  state: RunState;
}

/** What the executor tells a segment while it runs. */
export interface SegmentControl {
  /** Fires when the process shuts down: give the run back at the next checkpoint. */
  drain: AbortSignal;
  /**
   * Events that were committed on the run by this process, in order; null when something was committed elsewhere
   * and the log must be read. Returns the function that ends it.
   */
  onCommit(listener: (events: readonly RunEvent[] | null) => void): () => void;
}

/** Time, injected so that tests need not wait. */
export interface SegmentClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after `ms`, or as soon as the signal fires; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export interface SegmentLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface SegmentDeps {
  committer: CommitPort;
  events: EventReads;
  snapshots: SnapshotStore;
  runs: Pick<RunReads, 'definition'>;
  blobs: BlobStore;
  /** The run that a call of `delegate` asks for. Throws `EngineError` with a message for the model. */
  newChildRun(delegation: Delegation): Promise<NewRun>;
  models: Models;
  /** The tools of the run's agent, for one segment; disposed at its end. */
  openToolbox(run: { definition: RunDefinition; secrets: Readonly<Record<string, string>> }): Toolbox;
  /** Opens the sealed box of the run's secrets. Throws when it cannot be opened. */
  openSecrets(sealed: string, runId: string): Readonly<Record<string, string>>;
  /** The run's own keys of model providers, by provider name, from its secrets. */
  providerKeysOf?(secrets: Readonly<Record<string, string>>): Readonly<Record<string, string>>;
  /** The presence session was confirmed within the last `maxAgeMs`: no other process can have adopted our runs. */
  isPresent(maxAgeMs: number): boolean;
  /** US dollars of a call of `provider/name`, or null when the model has no price. */
  priceOf(model: string, usage: Omit<TokenUsage, 'costUsd'>): number | null;
  clock: SegmentClock;
  log: SegmentLogger;
  limits?: Partial<SegmentLimits>;
}

export interface SegmentLimits {
  /** Failed attempts at one turn after which the provider counts as failed. */
  turnAttempts: number;
  /** Requests of one call under one key, before a person is asked. */
  callAttempts: number;
  /** Tries at a request of which nothing left, before the call fails. */
  sendAttempts: number;
  /** Largest tool output that is kept in the log, bytes of its JSON; a bigger one becomes a blob. */
  outputBytes: number;
  /** How fresh the presence must be before a request leaves that must not be made twice, ms. */
  presenceMs: number;
  /** A snapshot after this many turns. */
  snapshotTurns: number;
}

export const DEFAULT_SEGMENT_LIMITS: SegmentLimits = {
  turnAttempts: 6,
  callAttempts: 4,
  sendAttempts: 4,
  outputBytes: 200_000,
  presenceMs: 5_000,
  snapshotTurns: 10,
};
