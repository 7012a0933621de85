import type {
  Json,
  JsonObject,
  MissedPolicy,
  Run,
  RunOrigin,
  Schedule,
  ScheduleFire,
  Session,
} from '@fermata/protocol';
import type { Caller, CommandOptions, Page, PageQuery } from './caller.ts';
import type { StartRun } from './start-request.ts';

/** A session with its latest run as a whole, for faces that show more of it. */
export interface SessionView {
  session: Session;
  latest: Run | null;
}

export interface SessionsFacade {
  list(caller: Caller, query: PageQuery & { key?: string | undefined }): Promise<Page<SessionView>>;
  /** By UUID; `not_found` for strangers. */
  get(caller: Caller, sessionId: string): Promise<SessionView>;
  /** By the caller's own key. */
  getByKey(caller: Caller, key: string): Promise<SessionView>;
  /** With a key that has a session already: that one, unchanged. */
  create(
    caller: Caller,
    fields: { key?: string | undefined; title?: string | undefined; metadata?: JsonObject | undefined },
    options?: CommandOptions,
  ): Promise<{ session: Session; created: boolean }>;
  update(
    caller: Caller,
    sessionId: string,
    patch: { title?: string | null | undefined; metadata?: JsonObject | undefined },
    options?: CommandOptions,
  ): Promise<Session>;
  /** Its runs stay; a later run under its id or key begins the conversation anew. */
  delete(caller: Caller, sessionId: string, options?: CommandOptions): Promise<void>;
}

/** What a schedule starts: a start of a run, without what belongs to one start alone. */
export type ScheduledRun = Omit<StartRun, 'key' | 'startAt' | 'secrets' | 'webhooks' | 'traceparent'>;

export interface ScheduleFields {
  name: string;
  description: string;
  cron: string;
  timezone: string;
  missed: MissedPolicy;
  run: ScheduledRun;
  metadata: JsonObject;
  /** What the face must echo. */
  face: JsonObject | null;
}

/** A schedule with what its face keeps. */
export interface ScheduleView {
  schedule: Schedule;
  run: ScheduledRun;
  origin: RunOrigin;
  face: JsonObject | null;
}

export interface SchedulesFacade {
  list(
    caller: Caller,
    query: PageQuery & { status?: 'active' | 'paused' | undefined; origin?: RunOrigin | undefined },
  ): Promise<Page<ScheduleView>>;
  get(caller: Caller, scheduleId: string): Promise<ScheduleView>;
  /** `invalid_request` for a cron expression or time zone that is none. */
  create(caller: Caller, fields: ScheduleFields, options?: CommandOptions): Promise<ScheduleView>;
  update(
    caller: Caller,
    scheduleId: string,
    patch: Partial<ScheduleFields>,
    options?: CommandOptions,
  ): Promise<ScheduleView>;
  /** Paused already: nothing changes. */
  pause(
    caller: Caller,
    scheduleId: string,
    reason: string | null,
    options?: CommandOptions,
  ): Promise<ScheduleView>;
  /** It goes on with the next time; those that passed are not made up for. */
  resume(caller: Caller, scheduleId: string, options?: CommandOptions): Promise<ScheduleView>;
  delete(caller: Caller, scheduleId: string, options?: CommandOptions): Promise<void>;
  /** Newest first, each with its run. */
  fires(
    caller: Caller,
    scheduleId: string,
    query: PageQuery,
  ): Promise<Page<{ fire: ScheduleFire; run: Run | null }>>;
}

/** A firing that is to be started. */
export interface PendingFire {
  scheduleId: string;
  fireAt: string;
  organizationId: number;
  origin: RunOrigin;
  name: string;
  run: Json;
  createdBy: Caller['actor'];
}

/** What the loop that fires schedules asks of the store. */
export interface SchedulePort {
  /**
   * Notes the firings that are due, and when each schedule is due next, schedule by schedule. One that another process
   * has locked is passed over. Resolves to how many firings were added; at most `limit` schedules are looked at.
   */
  takeDue(limit: number): Promise<number>;
  /** Firings without a run, oldest first. */
  pending(limit: number): Promise<PendingFire[]>;
  settle(fire: PendingFire, outcome: { runId: string } | { error: string }): Promise<void>;
}
