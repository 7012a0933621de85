import { roleIncludes, storableText, type Role } from '@fermata/protocol';
import { v7 as uuidv7 } from 'uuid';
import { EngineError } from '../engine/errors.ts';
import type { Caller, Page, PageQuery } from '../engine/caller.ts';
import type { IdentityFacade, Principal } from '../engine/facade-accounts.ts';
import { isUuid } from './condition.ts';
import { decodeCursor, encodeCursor, limitOf, offsetOf, pageOf } from './cursor.ts';
import { lockOrganization } from './organizations.ts';
import type { Fragment, Sql } from './sql.ts';

interface PrincipalRow {
  id: string;
  number: number;
  organization_id: number;
  type: 'person' | 'service';
  name: string;
  email: string | null;
  role: Role;
  created_at: string;
  disabled_at: string | null;
}

type NewPrincipal = Parameters<IdentityFacade['createPrincipal']>[1];
type PrincipalPatch = Parameters<IdentityFacade['updatePrincipal']>[2];

function columns(sql: Sql): Fragment {
  return sql`id, number, organization_id, type, name, email, role, created_at, disabled_at`;
}

function principalFromRow(row: PrincipalRow): Principal {
  return {
    id: row.id,
    number: row.number,
    organizationId: row.organization_id,
    type: row.type,
    name: row.name,
    email: row.email,
    role: row.role,
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
  };
}

/** By UUID, or by number for faces whose ids are integers. */
export async function readPrincipal(
  sql: Sql,
  organizationId: number,
  principalId: string,
): Promise<Principal> {
  const condition = isUuid(principalId)
    ? sql`id = ${principalId}`
    : /^[1-9]\d{0,8}$/.test(principalId)
      ? sql`number = ${Number(principalId)}`
      : sql`false`;
  const [row] = await sql<PrincipalRow[]>`
    select ${columns(sql)} from principals where organization_id = ${organizationId} and ${condition}`;
  if (row === undefined) throw new EngineError('not_found', 'There is no such principal');
  return principalFromRow(row);
}

/** Oldest first unless `order: 'desc'`. */
export async function listPrincipals(
  sql: Sql,
  organizationId: number,
  query: PageQuery,
): Promise<Page<Principal>> {
  const [after] = decodeCursor('principals', query.cursor, 1) ?? [];
  const limit = limitOf(query);
  const descending = query.order === 'desc';
  const place =
    after === undefined ? sql`` : descending ? sql`and number < ${after}` : sql`and number > ${after}`;
  const rows = await sql<PrincipalRow[]>`
    select ${columns(sql)} from principals where organization_id = ${organizationId} ${place}
    order by number ${descending ? sql`desc` : sql`asc`} limit ${limit + 1} offset ${offsetOf(query)}`;
  const [count] =
    query.total === true
      ? await sql<{ total: number }[]>`
          select count(*) as total from principals where organization_id = ${organizationId}`
      : [];
  return pageOf(rows, limit, {
    item: principalFromRow,
    cursor: (row) => encodeCursor('principals', [row.number]),
    total: count?.total,
  });
}

export async function createPrincipal(sql: Sql, caller: Caller, fields: NewPrincipal): Promise<Principal> {
  requireRole(caller, fields.role);
  const [row] = await sql<PrincipalRow[]>`
    insert into principals (id, organization_id, type, name, email, role)
    values (${uuidv7()}, ${caller.organizationId}, ${fields.type ?? 'person'}, ${storableText(fields.name)},
      ${fields.email === undefined || fields.email === null ? null : storableText(fields.email)}, ${fields.role})
    returning ${columns(sql)}`;
  if (row === undefined) throw new Error('the insert returned no row');
  return principalFromRow(row);
}

export async function updatePrincipal(
  sql: Sql,
  caller: Caller,
  principalId: string,
  patch: PrincipalPatch,
): Promise<Principal> {
  await lockOrganization(sql, caller.organizationId);
  const current = await readPrincipal(sql, caller.organizationId, principalId);
  requireRole(caller, current.role);
  if (patch.role !== undefined) requireRole(caller, patch.role);
  const email = patch.email === undefined ? current.email : patch.email;
  const disabled = patch.disabled ?? current.disabledAt !== null;
  const [row] = await sql<PrincipalRow[]>`
    update principals set name = ${storableText(patch.name ?? current.name)},
      email = ${email === null ? null : storableText(email)}, role = ${patch.role ?? current.role},
      disabled_at = case when ${disabled} then coalesce(disabled_at, now()) end
    where id = ${current.id} returning ${columns(sql)}`;
  if (row === undefined) throw new Error('the update returned no row');
  await requireAdmin(sql, caller.organizationId);
  return principalFromRow(row);
}

/** Nobody makes or changes what is stronger than themselves. */
export function requireRole(caller: Caller, role: Role): void {
  if (!roleIncludes(caller.role, role)) {
    throw new EngineError('forbidden', `A key of role ${caller.role} cannot give or change the role ${role}`);
  }
}

/** After a change: somebody must still be able to make keys. */
export async function requireAdmin(sql: Sql, organizationId: number): Promise<void> {
  const [admin] = await sql`
    select from principals join keys on keys.principal_id = principals.id
    where principals.organization_id = ${organizationId} and principals.role = 'admin'
      and principals.disabled_at is null and keys.role = 'admin' and keys.revoked_at is null
      and (keys.expires_at is null or keys.expires_at > now())
    limit 1`;
  if (admin === undefined) {
    throw new EngineError('forbidden', 'The last admin with a working key cannot be disabled or revoked');
  }
}
