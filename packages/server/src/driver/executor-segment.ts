import type { RunEvent } from '@fermata/protocol';
import type { CommitListener } from '../engine/commit.ts';
import { Fenced } from '../engine/errors.ts';
import type { RunState } from '../engine/state.ts';
import type { Logger } from '../observe/log.ts';
import type { ClaimedRun, SegmentControl } from './segment-ports.ts';

/** Drives a claimed run until it is parked, ended, given back or fenced. Never rejects. */
export interface SegmentRunner {
  /** `signal` aborts when the claim is lost (`Fenced`) or the process has no time left (`DrainLimitReached`). */
  run(claimed: ClaimedRun, signal: AbortSignal, control: SegmentControl): Promise<void>;
}

type Listener = (events: readonly RunEvent[] | null) => void;

/** One segment of this process, and what it must be told. */
export class LiveSegment {
  readonly runId: string;
  readonly organizationId: number;
  readonly claim: string;
  readonly epoch: number;
  readonly startedAt = performance.now();
  readonly #claimed: ClaimedRun;
  readonly #abort = new AbortController();
  readonly #listeners = new Set<Listener>();
  readonly #drain: AbortSignal;
  readonly #dead: AbortSignal;
  #isSuspect: boolean;
  #state: RunState;
  #isReleased = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(run: ClaimedRun, options: { isSuspect: boolean; drain: AbortSignal; dead: AbortSignal }) {
    this.#claimed = run;
    this.runId = run.runId;
    this.organizationId = run.organizationId;
    this.claim = run.claim;
    this.epoch = run.epoch;
    this.#state = run.state;
    this.#isSuspect = options.isSuspect;
    this.#drain = options.drain;
    this.#dead = options.dead;
  }

  /** The run as the last commit of this process left it. */
  get state(): RunState {
    return this.#state;
  }

  get head(): number {
    return this.#state.head;
  }

  /** It has not committed a step yet, and segments before it died with their processes. */
  get isSuspect(): boolean {
    return this.#isSuspect;
  }

  /** The claim is gone: the run is parked, has ended, or is another's. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  get ended(): Promise<void> {
    return this.#ended;
  }

  run(runner: SegmentRunner, logger: Logger): Promise<void> {
    const onDead = (): void => this.fence('this process was declared dead');
    this.#dead.addEventListener('abort', onDead, { once: true });
    if (this.#dead.aborted) onDead();
    const control: SegmentControl = {
      drain: this.#drain,
      onCommit: (listener) => {
        this.#listeners.add(listener);
        return () => void this.#listeners.delete(listener);
      },
    };
    this.#ended = Promise.resolve()
      .then(() => runner.run(this.#claimed, this.#abort.signal, control))
      .catch((error: unknown) => {
        logger.error({ err: error, runId: this.runId }, 'a segment has thrown');
      })
      .finally(() => this.#dead.removeEventListener('abort', onDead));
    return this.#ended;
  }

  /** A commit of this process on the run, in order. */
  onCommit(commit: Parameters<CommitListener['committed']>[0]): void {
    this.#state = commit.state;
    const { claim, epoch, attempts } = commit.dispatch;
    if (attempts === 0) this.#isSuspect = false;
    if (commit.events.length > 0) this.#notify(commit.events);
    if (claim !== this.claim || epoch !== this.epoch) this.fence('the claim is gone');
  }

  /** The run's head as it was read: what is beyond the last commit seen here was committed elsewhere. */
  onRow(head: number): void {
    if (head > this.#state.head) this.#notify(null);
  }

  /** Its commits are refused from now on. */
  fence(why: string): void {
    this.#isReleased = true;
    this.abort(new Fenced(why));
  }

  abort(reason: Error): void {
    if (!this.#abort.signal.aborted) this.#abort.abort(reason);
  }

  #notify(events: readonly RunEvent[] | null): void {
    for (const listener of this.#listeners) listener(events);
  }
}
