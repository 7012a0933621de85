import { Cron } from 'croner';
import type { MissedPolicy } from '@fermata/protocol';
import { EngineError } from './errors.ts';

/** A fire that comes later than this has been missed, ms. */
export const MISSED_AFTER_MS = 60_000;
/** How many missed fires are made up for at most, with `missed: all`. */
const MOST_MADE_UP = 100;

/**
 * The next time of a cron expression after `after`, both RFC 3339 UTC; null when there is none. A time that a change of
 * the clock leaves out fires right after it; one that comes twice fires once, but for expressions with a wildcard or
 * step in the hour or minute, which go by elapsed time.
 */
export function nextFireAt(cron: string, timezone: string, after: string): string | null {
  return parsed(cron, timezone).nextRun(new Date(after))?.toISOString() ?? null;
}

/** Throws `invalid_request` with the place of the fault for what cannot be a schedule. */
export function checkSchedule(cron: string, timezone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
  } catch {
    throw invalid('timezone', `unknown time zone ${timezone}`);
  }
  parsed(cron, timezone);
}

/** The shortest time between two fires, ms, by the first ones after `after`; null for fewer than two. */
export function shortestGapMs(cron: string, timezone: string, after: string, looked = 50): number | null {
  const times = parsed(cron, timezone)
    .nextRuns(looked, new Date(after))
    .map((time) => time.getTime());
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time));
  return gaps.length === 0 ? null : Math.min(...gaps);
}

/**
 * Which times a schedule that was due at `dueAt` fires for now, and when it is due next. However long no server ran, the
 * work is bounded: a transaction waits for it.
 */
export function firesDue(
  schedule: { cron: string; timezone: string; missed: MissedPolicy; dueAt: string },
  now: string,
): { fires: string[]; next: string | null } {
  const { cron, timezone, missed, dueAt } = schedule;
  const next = nextFireAt(cron, timezone, now);
  const isInTime = (time: string): boolean => Date.parse(time) > Date.parse(now) - MISSED_AFTER_MS;
  if (isInTime(dueAt)) return { fires: [dueAt], next };
  const most = missed === 'all' ? MOST_MADE_UP : 1;
  const passed = parsed(cron, timezone)
    .previousRuns(most, new Date(Date.parse(now) + 1000))
    .map((time) => time.toISOString())
    .filter((time) => time > dueAt && time <= now);
  const due = [...new Set([...passed, dueAt])].sort().slice(-most);
  return { fires: missed === 'skip' ? due.filter(isInTime) : due, next };
}

function parsed(cron: string, timezone: string): Cron {
  try {
    return new Cron(cron, { timezone, mode: '5-part', paused: true });
  } catch (error) {
    throw invalid('cron', error instanceof Error ? error.message : String(error));
  }
}

function invalid(path: string, message: string): EngineError {
  return new EngineError('invalid_request', `${path}: ${message}`, { errors: [{ path, message }] });
}
