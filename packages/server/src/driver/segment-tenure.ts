import { Fenced } from '../engine/errors.ts';

/** Whether the run is still this segment's, and what ends it. */
export interface Tenure {
  /** Fires when every step must end. */
  readonly stop: AbortSignal;
  isOver(): boolean;
  /** Somebody else has the run, or nobody: it is not given back. */
  over(): void;
  /** The segment cannot go on, and gives the run back. */
  fail(error: Error): void;
  readonly failure: Error | null;
}

export function createTenure(signal: AbortSignal): Tenure {
  const ending = new AbortController();
  let isOver = false;
  let failure: Error | null = null;
  return {
    stop: AbortSignal.any([signal, ending.signal]),
    isOver: () => isOver || signal.reason instanceof Fenced,
    over() {
      isOver = true;
      ending.abort();
    },
    fail(error) {
      failure ??= error;
      ending.abort();
    },
    get failure() {
      return failure;
    },
  };
}
