import type { ClientToken, Run } from '@fermata/protocol';
import type { Caller } from '../../engine/caller.ts';
import { EngineError } from '../../engine/errors.ts';
import type { Engine } from '../../engine/facade.ts';
import type { ClientOfRun, ClientSession } from '../../engine/facade-clients.ts';
import { noExecution, RuntypeError } from './errors.ts';
import { findExecution } from './find-execution.ts';

/** A request of a page: what it shows of itself, and whether browsers always send `Origin` with it (not with GET). */
export interface PageRequest {
  origin: string | null;
  mayOmitOrigin?: boolean;
}

/** Throws unless the page may use the token. Source: wire section 1.2, `/v1/client/init`. */
export function admitPage(token: ClientToken, { origin, mayOmitOrigin = false }: PageRequest): void {
  if (!token.active) {
    throw new RuntypeError('forbidden', 'Client token is inactive', {
      members: { hint: 'the client token is switched off' },
    });
  }
  if (token.origins.includes('*') || (origin === null ? mayOmitOrigin : token.origins.includes(origin)))
    return;
  throw new RuntypeError('forbidden', 'Origin not allowed', {
    members: { hint: `${origin ?? 'a request without Origin'} is none of the origins of this client token` },
  });
}

/** The live session of a page. 401 for one that is unknown or has expired, 403 for a page that may not use it. */
export async function sessionOfPage(
  engine: Engine,
  secret: string,
  page: PageRequest,
): Promise<ClientSession> {
  const session = await engine.clients.findSession(secret);
  if (session === null) {
    throw new RuntypeError('unauthenticated', 'Session not found or expired', {
      members: { hint: 'begin a new session by /v1/client/init' },
    });
  }
  admitPage(session.token, page);
  return session;
}

/**
 * A session as a principal of its own. It has no role that any tool names as an approver; what it may do is what the
 * client routes do: start the token's target, read its own runs and answer their waits.
 */
export function callerOfSession({ id, organizationId }: ClientSession): Caller {
  const actor = { type: 'key' as const, id, name: `client ${id}` };
  return { organizationId, principalId: id, keyId: id, role: 'viewer', actor, via: 'runtype' };
}

/** Whether a visitor asks, and not the holder of a key: ids of keys begin otherwise. */
export function isClientSession({ keyId }: Caller): boolean {
  return keyId.startsWith('client_');
}

/** Counts a message of the session. 429 with a hint for the visitor when its token's day is full. */
export async function countMessage(engine: Engine, session: ClientSession): Promise<void> {
  try {
    await engine.clients.countMessage(session);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'quota_exceeded') throw error;
    const { retryAfterMs = 0 } = error.details;
    const hours = Math.max(1, Math.ceil(retryAfterMs / 3_600_000));
    throw new RuntypeError('quota_exceeded', error.message, {
      members: { hint: `Message limit reached. Try again in ${hours === 1 ? 'an hour' : `${hours} hours`}.` },
      retryAfterMs,
    });
  }
}

/** What a run that the session starts keeps in its `face`, so that its origin can be told. */
export function clientOfRun({ id, token, conversationId }: ClientSession): ClientOfRun {
  return { sessionId: id, tokenId: token.id, conversationId };
}

/** The client that has started a run; null for every other run, whatever its face says: the actor must be the same. */
export function clientIn({ face, createdBy }: Run): ClientOfRun | null {
  const client = face?.['client'] as ClientOfRun | undefined;
  if (client === undefined || createdBy.type !== 'key' || createdBy.id !== client.sessionId) return null;
  return client;
}

/**
 * A run that a session of the same token has started: after a reload the page has another session. 404 for any other,
 * and for one of another conversation where one is named.
 */
export async function ownRun(
  engine: Engine,
  session: ClientSession,
  executionId: string,
  conversationId?: string,
): Promise<Run> {
  const run = await findExecution({ engine, caller: callerOfSession(session) }, executionId);
  const client = clientIn(run);
  const isOwn = client?.tokenId === session.token.id;
  if (!isOwn || (conversationId !== undefined && client.conversationId !== conversationId)) {
    throw noExecution(executionId);
  }
  return run;
}
