import type { DeadlineStep } from '@fermata/protocol';

/** A deadline ladder in the narrow state: its steps in order, and the one that is due at the wait's `deadlineAt`. */
export interface Ladder {
  steps: readonly DeadlineStep[];
  /** From 0. */
  next: number;
}

/** Later than this PostgreSQL and RFC 3339 have no common spelling. */
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** The time so many seconds after another, RFC 3339 UTC. */
export function secondsAfter(fromMs: number, seconds: number): string {
  return new Date(Math.min(LATEST_MS, fromMs + seconds * 1_000)).toISOString();
}

/** In the order in which they are due; steps of one time stay in the order in which they were given. */
export function orderedSteps(deadline: readonly DeadlineStep[]): DeadlineStep[] {
  return deadline.toSorted((a, b) => a.after - b.after);
}

/**
 * When the step after the present one is due, or null after the last. All steps count from the opening, and a clock
 * that stood has moved all of them alike, so that their distances say it.
 */
export function dueAfterNext({ steps, next }: Ladder, deadlineAt: string): string | null {
  const [present, later] = [steps[next], steps[next + 1]];
  if (present === undefined || later === undefined) return null;
  return secondsAfter(Date.parse(deadlineAt), later.after - present.after);
}
