import type { ClientsFacade } from '../engine/facade-clients.ts';
import {
  beginClientSession,
  clientSessionOfRun,
  findClientSession,
  keepClientTools,
  putClientFeedback,
} from './client-sessions.ts';
import {
  createClientToken,
  findClientToken,
  listClientTokens,
  readClientToken,
  revokeClientToken,
  updateClientToken,
} from './client-tokens.ts';
import type { Pool } from './pool.ts';
import { withReply } from './replies.ts';

/** Pages without a key: tokens, sessions of visitors, feedback. */
export function createClients(pool: Pool): ClientsFacade {
  return {
    createToken: (caller, fields, options) =>
      withReply(
        pool,
        options,
        (sql) => createClientToken(sql, caller, fields),
        (token) => ({ ...token, token: null }),
      ),
    tokens: ({ organizationId }, query) => pool.read((sql) => listClientTokens(sql, organizationId, query)),
    token: ({ organizationId }, tokenId) => pool.read((sql) => readClientToken(sql, organizationId, tokenId)),
    updateToken: (caller, tokenId, patch, options) =>
      withReply(pool, options, (sql) => updateClientToken(sql, caller, tokenId, patch)),
    revokeToken: (caller, tokenId, options) =>
      withReply(pool, options, (sql) => revokeClientToken(sql, caller, tokenId)),
    findToken: (secret) => pool.read((sql) => findClientToken(sql, secret)),
    beginSession: ({ organizationId, token }, start) =>
      pool.transaction((sql) => beginClientSession(sql, organizationId, token, start)),
    findSession: (secret) => pool.read((sql) => findClientSession(sql, secret)),
    async keepTools(sessionId, tools, fingerprint) {
      await pool.transaction((sql) => keepClientTools(sql, sessionId, tools, fingerprint));
    },
    sessionOfRun: (runId) => pool.read((sql) => clientSessionOfRun(sql, runId)),
    giveFeedback: (session, feedback) => pool.transaction((sql) => putClientFeedback(sql, session, feedback)),
  };
}
