import type { IdentityFacade } from '../engine/facade-accounts.ts';
import { Authentication, type AuthenticationOptions } from './authentication.ts';
import { ensureFirstAdmin, type FirstAdmin } from './first-admin.ts';
import { createKey, listKeys, readKey, revokeKey } from './keys.ts';
import { readOrganization, updateOrganization } from './organizations.ts';
import type { Pool } from './pool.ts';
import { createPrincipal, listPrincipals, readPrincipal, updatePrincipal } from './principals.ts';
import { withReply } from './replies.ts';

export interface Identity extends IdentityFacade {
  /** At boot: the first organization, principal and this key of it. */
  ensureFirst(apiKey: string): Promise<FirstAdmin>;
}

/**
 * Organizations, principals and keys.
 * @param onLimits what is to know that an organization's limits may have changed
 */
export function createIdentity(
  pool: Pool,
  options: AuthenticationOptions = {},
  onLimits: () => Promise<void> = async () => {},
): Identity {
  const authentication = new Authentication(pool, options);
  /** After the commit, also of one whose outcome is unknown. */
  const forgetting = async <T>(change: Promise<T>): Promise<T> => {
    try {
      return await change;
    } finally {
      authentication.forget();
    }
  };
  return {
    ensureFirst: (apiKey) => forgetting(ensureFirstAdmin(pool, apiKey)),
    authenticate: (secret, via) => authentication.authenticate(secret, via),
    organization: ({ organizationId }) => pool.read((sql) => readOrganization(sql, organizationId)),
    async updateOrganization({ organizationId }, patch, commandOptions) {
      const changed = await withReply(pool, commandOptions, (sql) =>
        updateOrganization(sql, organizationId, patch),
      );
      await onLimits();
      return changed;
    },
    principal: ({ organizationId }, principalId) =>
      pool.read((sql) => readPrincipal(sql, organizationId, principalId)),
    principals: ({ organizationId }, query) => pool.read((sql) => listPrincipals(sql, organizationId, query)),
    createPrincipal: (caller, fields, commandOptions) =>
      withReply(pool, commandOptions, (sql) => createPrincipal(sql, caller, fields)),
    updatePrincipal: (caller, principalId, patch, commandOptions) =>
      forgetting(withReply(pool, commandOptions, (sql) => updatePrincipal(sql, caller, principalId, patch))),
    key: ({ organizationId }, keyId) => pool.read((sql) => readKey(sql, organizationId, keyId)),
    keys: ({ organizationId }, query) => pool.read((sql) => listKeys(sql, organizationId, query)),
    createKey: (caller, fields, commandOptions) =>
      withReply(
        pool,
        commandOptions,
        (sql) => createKey(sql, caller, fields),
        (key) => ({ ...key, secret: null }),
      ),
    revokeKey: (caller, keyId, commandOptions) =>
      forgetting(withReply(pool, commandOptions, (sql) => revokeKey(sql, caller, keyId))),
  };
}
