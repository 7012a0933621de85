import { EngineError } from '../engine/errors.ts';
import type { ClientsFacade } from '../engine/facade-clients.ts';
import type { RateLimiter } from '../engine/ports.ts';
import { listClientFeedback, putClientFeedback } from './client-feedback.ts';
import {
  beginClientSession,
  clientSessionOfRun,
  findClientSession,
  keepClientTools,
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

const DAY_SECONDS = 24 * 60 * 60;
/** The token stands in the page for everybody to read: whoever has it must not fill the table with sessions. */
const SESSIONS = { name: 'client-sessions', requests: 1000, seconds: 60 };

/** Pages without a key: tokens, sessions of visitors, feedback. */
export function createClients(pool: Pool, limiter: RateLimiter): ClientsFacade {
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
    async beginSession({ organizationId, token }, start) {
      const count = await limiter.take(token.id, SESSIONS);
      if (count?.isAllowed === false) {
        throw new EngineError('rate_limited', 'Too many sessions are being begun with this token', {
          retryAfterMs: count.endsInMs,
        });
      }
      return pool.transaction((sql) => beginClientSession(sql, organizationId, token, start));
    },
    async countMessage({ token }) {
      const { id, dailyMessageLimit: requests } = token;
      if (requests === null) return;
      // Another limit is another count: the limiter keeps one limit by name.
      const count = await limiter.take(id, {
        name: `client-messages-${requests}`,
        requests,
        seconds: DAY_SECONDS,
      });
      if (count?.isAllowed !== false) return;
      throw new EngineError('quota_exceeded', `The limit of ${requests} messages in a day is used up`, {
        retryAfterMs: count.endsInMs,
      });
    },
    findSession: (secret) => pool.read((sql) => findClientSession(sql, secret)),
    async keepTools(sessionId, tools, fingerprint) {
      await pool.transaction((sql) => keepClientTools(sql, sessionId, tools, fingerprint));
    },
    sessionOfRun: (runId) => pool.read((sql) => clientSessionOfRun(sql, runId)),
    feedback: ({ organizationId }, tokenId, query) =>
      pool.read((sql) => listClientFeedback(sql, organizationId, tokenId, query)),
    giveFeedback: (session, feedback) => pool.transaction((sql) => putClientFeedback(sql, session, feedback)),
  };
}
