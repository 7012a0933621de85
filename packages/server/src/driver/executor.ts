import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { isTerminal } from '@fermata/protocol';
import type { CommitListener } from '../engine/commit.ts';
import { SUSPECT_AFTER } from '../engine/deciders/driving.ts';
import type { HintListener } from '../engine/ports.ts';
import type { Logger } from '../observe/log.ts';
import type { ClaimSource, Metrics } from '../observe/metrics.ts';
import { LiveSegment, type SegmentRunner } from './executor-segment.ts';
import type { PresenceView } from './presence.ts';
import type { ClaimedRun } from './segment-ports.ts';

export interface ExecutorOptions {
  /** Segments at the same time (`FERMATA_CONCURRENCY`). */
  concurrency: number;
  presence: PresenceView;
  segments: SegmentRunner;
  logger: Logger;
  metrics: Metrics;
  /** There is room again, here and (when a segment has ended) in its organization. */
  onRoom?: (organizationId: number | null) => void;
  /** A hint says that a run driven here was changed elsewhere: look at the claimed runs. */
  onForeignChange?: () => void;
  /** Nothing is claimed when the presence was not confirmed for longer than this, ms. 5 s unless given. */
  safePresenceMs?: number;
}

/** The process shuts down and has no time left: the step is to be aborted and the run given back. */
export class DrainLimitReached extends Error {
  override readonly name = 'DrainLimitReached';
}

/** Room was kept under this token. */
export interface Taken {
  executorId: string;
  claim: string;
}

interface Reservation {
  isSuspect: boolean;
  source: ClaimSource;
}

/**
 * The driving half of the process: which runs it drives, for how many more it has room, and what their segments
 * must be told.
 *
 * Room is counted once: a claim takes it when it is offered or reserved, under a token that no other claim has, and
 * gives it back when the commit comes to nothing or its segment has ended. A claim that is being committed or
 * driven is known here before the database knows it, so a claim in the database that is not known here is lost.
 */
export class Executor implements CommitListener, AsyncDisposable {
  readonly #options: ExecutorOptions;
  readonly #reservations = new Map<string, Reservation>();
  /** By claim: a run that was fenced and claimed again may for a moment have two. */
  readonly #segments = new Map<string, LiveSegment>();
  readonly #byRun = new Map<string, LiveSegment>();
  readonly #drain = new AbortController();

  constructor(options: ExecutorOptions) {
    this.#options = options;
    setMaxListeners(0, this.#drain.signal);
  }

  get executorId(): string {
    return this.#options.presence.current.executorId;
  }

  /** Room that is neither driven in nor reserved; 0 while the process may not claim. */
  get room(): number {
    if (this.isDraining || !this.isPresent(this.#options.safePresenceMs ?? 5000)) return 0;
    return Math.max(0, this.#options.concurrency - this.#segments.size - this.#reservations.size);
  }

  get isDraining(): boolean {
    return this.#drain.signal.aborted;
  }

  /** What this process drives now, those included that have lost their claim and are ending. */
  get segments(): readonly LiveSegment[] {
    return [...this.#segments.values()];
  }

  /** No other process can have adopted our runs: the presence was confirmed within `maxAgeMs`. */
  isPresent(maxAgeMs: number): boolean {
    return this.#options.presence.isPresent(maxAgeMs);
  }

  /** The claim is being committed or driven here. */
  knows(claim: string): boolean {
    return this.#reservations.has(claim) || this.#segments.has(claim);
  }

  segmentOf(claim: string): LiveSegment | undefined {
    return this.#segments.get(claim);
  }

  offer(_organizationId: number): Taken | null {
    return this.room === 0 ? null : this.#take({ isSuspect: false, source: 'commit' });
  }

  /**
   * Room for a claim that is about to be committed. A suspect, a run whose segments died with their processes, is
   * driven as the only one of its kind.
   */
  reserve(attempts: number, source: ClaimSource): Taken | 'full' | 'suspect' {
    if (this.room === 0) return 'full';
    const isSuspect = attempts >= SUSPECT_AFTER;
    if (isSuspect && this.#drivesSuspect()) return 'suspect';
    return this.#take({ isSuspect, source });
  }

  withdraw(claim: string): void {
    const reservation = this.#reservations.get(claim);
    if (reservation === undefined) return;
    this.#reservations.delete(claim);
    this.#options.metrics.claimLost(reservation.source);
    this.#roomFreed(null);
  }

  /** A claim is driven once, and only when its room was kept: another call for it does nothing. */
  claimed(run: ClaimedRun): void {
    const reservation = this.#reservations.get(run.claim);
    if (reservation === undefined) return;
    this.#reservations.delete(run.claim);
    const { presence, logger, metrics, segments } = this.#options;
    if (!run.claim.startsWith(`${presence.current.executorId}:`)) {
      // The executor was declared dead meanwhile: this run is adopted like all its others.
      logger.warn({ runId: run.runId }, 'a claim of an executor that was declared dead is not driven');
      this.#roomFreed(null);
      return;
    }
    metrics.claimed(reservation.source);
    const segment = new LiveSegment(run, {
      isSuspect: reservation.isSuspect,
      drain: this.#drain.signal,
      dead: presence.current.dead,
    });
    this.#segments.set(run.claim, segment);
    this.#byRun.set(run.runId, segment);
    this.#gauges();
    void segment.run(segments, logger).then(() => this.#onEnded(segment));
  }

  committed(commit: Parameters<CommitListener['committed']>[0]): void {
    this.#byRun.get(commit.state.runId)?.onCommit(commit);
  }

  /** For hints of other processes' commits. */
  readonly hintListener: HintListener = {
    onHint: (hint, local) => {
      const segment = local ? undefined : this.#byRun.get(hint.runId);
      if (segment === undefined || hint.head <= segment.head) return;
      if (isTerminal(hint.status)) segment.fence(`the run is ${hint.status}`);
      else this.#options.onForeignChange?.();
    },
    onResync: () => this.#options.onForeignChange?.(),
  };

  /** From now on nothing is claimed, and segments give back at their next checkpoint. */
  stopClaiming(): void {
    this.#drain.abort();
  }

  /** Aborts the steps in flight: there is no time left. */
  abortSegments(): void {
    for (const segment of this.#segments.values()) segment.abort(new DrainLimitReached('shutting down'));
  }

  /** Resolves when no segment is left, or after `limitMs`. */
  async settled(limitMs: number): Promise<void> {
    let isOver = false;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        isOver = true;
        resolve();
      }, limitMs);
    });
    // A claim that was being committed may still add a segment.
    while (this.#segments.size > 0 && !isOver) {
      await Promise.race([Promise.all(this.segments.map((segment) => segment.ended)), limit]);
    }
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopClaiming();
    this.abortSegments();
    await Promise.all(this.segments.map((segment) => segment.ended));
  }

  #drivesSuspect(): boolean {
    for (const reservation of this.#reservations.values()) if (reservation.isSuspect) return true;
    for (const segment of this.#segments.values()) if (segment.isSuspect && !segment.isReleased) return true;
    return false;
  }

  #take(reservation: Reservation): Taken {
    const { executorId } = this;
    const claim = `${executorId}:${randomBytes(8).toString('hex')}`;
    this.#reservations.set(claim, reservation);
    this.#gauges();
    return { executorId, claim };
  }

  #onEnded(segment: LiveSegment): void {
    this.#segments.delete(segment.claim);
    if (this.#byRun.get(segment.runId) === segment) this.#byRun.delete(segment.runId);
    this.#options.metrics.segmentEnded((performance.now() - segment.startedAt) / 1000);
    this.#roomFreed(segment.organizationId);
  }

  #roomFreed(organizationId: number | null): void {
    this.#gauges();
    if (!this.isDraining) this.#options.onRoom?.(organizationId);
  }

  #gauges(): void {
    this.#options.metrics.segmentsLive(this.#segments.size);
    this.#options.metrics.roomReserved(this.#reservations.size);
  }
}
