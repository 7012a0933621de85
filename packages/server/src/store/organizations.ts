import { EngineError } from '../engine/errors.ts';
import type { Organization } from '../engine/facade-accounts.ts';
import type { Sql } from './sql.ts';

interface OrganizationRow {
  id: number;
  uuid: string;
  name: string;
  created_at: string;
}

export async function readOrganization(sql: Sql, organizationId: number): Promise<Organization> {
  const [row] = await sql<OrganizationRow[]>`
    select id, uuid, name, created_at from organizations where id = ${organizationId}`;
  if (row === undefined) throw new EngineError('not_found', 'There is no such organization');
  return { id: row.id, uuid: row.uuid, name: row.name, createdAt: row.created_at };
}

/** Changes of principals and keys of one organization come one after the other, so that one admin is left. */
export async function lockOrganization(sql: Sql, organizationId: number): Promise<void> {
  await sql`select from organizations where id = ${organizationId} for no key update`;
}
