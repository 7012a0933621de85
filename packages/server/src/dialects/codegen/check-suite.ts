import type { Json, JsonObject } from '@fermata/protocol';
import type { Caller } from '../../engine/caller.ts';
import type { Engine } from '../../engine/facade.ts';
import { checkSuiteSettingsSchema, type CheckSuiteSettings } from './wire.ts';

const COLLECTION = 'check_suite_settings';

const DEFAULTS: CheckSuiteSettings = {
  check_retry_count: 3,
  ignored_checks: [],
  check_retry_counts: {},
  custom_prompts: {},
  high_priority_apps: [],
  available_check_suite_names: [],
};

interface Place {
  engine: Engine;
  caller: Caller;
}

/** The settings of a repository, those that nobody has set by their defaults. */
export async function checkSuiteSettings(
  { engine, caller }: Place,
  repoId: number,
): Promise<CheckSuiteSettings> {
  const stored = await engine.records.get(caller, 'codegen', COLLECTION, String(repoId));
  return checkSuiteSettingsSchema.parse({ ...DEFAULTS, ...stored });
}

/** Members that are not given stay as they are. */
export async function setCheckSuiteSettings(
  place: Place,
  repoId: number,
  patch: Partial<Record<keyof CheckSuiteSettings, Json | undefined>>,
): Promise<void> {
  const given = Object.entries(patch).filter((entry): entry is [string, Json] => entry[1] !== undefined);
  const stored = await place.engine.records.get(place.caller, 'codegen', COLLECTION, String(repoId));
  const settings: JsonObject = { ...stored, ...Object.fromEntries(given) };
  await place.engine.records.put(place.caller, 'codegen', COLLECTION, String(repoId), settings);
}
