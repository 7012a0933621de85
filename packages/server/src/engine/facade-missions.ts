import type { JsonObject, Mission, RunMode } from '@fermata/protocol';
import type { Caller, CommandOptions, Page, PageQuery } from './caller.ts';

/** What of a mission its caller sets. What is absent stays, or is unset in a new one. */
export interface MissionFields {
  name?: string | undefined;
  description?: string | null | undefined;
  instructions?: string | null | undefined;
  model?: string | null | undefined;
  mode?: RunMode | undefined;
  /** The whole of it; null unsets it. */
  metadata?: JsonObject | null | undefined;
}

export interface MissionQuery extends PageQuery {
  /** Exactly this name. */
  name?: string | undefined;
  metadata?: Record<string, string> | undefined;
}

/**
 * Missions. The runs without one stand under the organization's mission `Unassigned`, which has no row: its id is
 * computed, it is listed last and only while there are such runs, and it cannot be changed or deleted.
 */
export interface MissionsFacade {
  /** `not_found` for a deleted one too. */
  get(caller: Caller, missionId: string): Promise<Mission>;
  /** Newest first. */
  list(caller: Caller, query: MissionQuery): Promise<Page<Mission>>;
  create(
    caller: Caller,
    fields: MissionFields & { name: string },
    options?: CommandOptions,
  ): Promise<Mission>;
  /** `mergesMetadata`: a merge patch by key in place of the whole. */
  update(
    caller: Caller,
    missionId: string,
    patch: MissionFields & { mergesMetadata?: boolean },
    options?: CommandOptions,
  ): Promise<Mission>;
  /**
   * A new mission with the same fields and copies of the records that a face keeps for it, under new ids: those of
   * the collections `<name>/<mission id>`. Its runs are not copied.
   */
  clone(
    caller: Caller,
    missionId: string,
    collections: readonly string[],
    options?: CommandOptions,
  ): Promise<Mission>;
  /**
   * Hides it and cancels its managed runs. Asked again, it cancels what was started meanwhile. True when it was
   * this call that deleted it. `not_found` when there never was one.
   */
  delete(caller: Caller, missionId: string, options?: CommandOptions): Promise<boolean>;
  /** The id of the organization's mission `Unassigned`. */
  unassignedId(caller: Caller): Promise<string>;
}
