import { storableText, type DailyLimits } from '@fermata/protocol';
import { EngineError } from '../engine/errors.ts';
import type { Organization, OrganizationPatch } from '../engine/facade-accounts.ts';
import type { Sql } from './sql.ts';

interface OrganizationRow {
  id: number;
  uuid: string;
  name: string;
  daily_limits: DailyLimits | null;
  created_at: string;
}

export async function readOrganization(sql: Sql, organizationId: number): Promise<Organization> {
  const [row] = await sql<OrganizationRow[]>`
    select id, uuid, name, daily_limits, created_at from organizations where id = ${organizationId}`;
  if (row === undefined) throw new EngineError('not_found', 'There is no such organization');
  return {
    id: row.id,
    uuid: row.uuid,
    name: row.name,
    dailyLimits: row.daily_limits ?? {},
    createdAt: row.created_at,
  };
}

/** Limits are merged by key, null removes one. */
export async function updateOrganization(
  sql: Sql,
  organizationId: number,
  patch: OrganizationPatch,
): Promise<Organization> {
  await lockOrganization(sql, organizationId);
  const current = await readOrganization(sql, organizationId);
  const merged = Object.entries({ ...current.dailyLimits, ...patch.dailyLimits });
  const limits = merged.filter(([, value]) => value !== null && value !== undefined);
  await sql`
    update organizations set name = ${storableText(patch.name ?? current.name)},
      daily_limits = ${limits.length === 0 ? null : JSON.stringify(Object.fromEntries(limits))}::json
    where id = ${organizationId}`;
  return readOrganization(sql, organizationId);
}

/** Changes of principals and keys of one organization come one after the other, so that one admin is left. */
export async function lockOrganization(sql: Sql, organizationId: number): Promise<void> {
  await sql`select from organizations where id = ${organizationId} for no key update`;
}
