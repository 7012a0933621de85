import { isJsonObject } from '@fermata/protocol';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../../engine/caller.ts';
import type { ClientSession } from '../../engine/facade-clients.ts';
import { authenticate, credentialOf } from '../../http/auth.ts';
import type { FaceContext } from '../../http/face.ts';
import { COMMAND_DEADLINE_MS } from '../../http/limits.ts';
import type { OperationsBinding } from '../../http/register-operations.ts';
import type { Operation, OperationRequest } from '../../http/route.ts';
import { callerOfSession, sessionOfPage } from './client-access.ts';
import { RuntypeError } from './errors.ts';

const CLIENT_PATH = '/v1/client/';
/** Where widgets of both modes send approvals. Source: wire section 5.4. */
export const AGENT_APPROVE_PATH = '/v1/agents/{agentId}/approve';

/**
 * Stands for a page until its session is known, which its body names. It is of no organization: whatever is asked
 * with it finds nothing.
 */
const PAGE: Caller = {
  organizationId: -1,
  principalId: '',
  keyId: '',
  role: 'operator',
  actor: { type: 'system', id: 'page', name: 'a page without a session' },
  via: 'runtype',
};

/** A page asks, and not the holder of a key. */
export function isPage({ organizationId }: Caller): boolean {
  return organizationId === PAGE.organizationId;
}

/** Who asks: the holder of a key, or on the client routes a page. */
export function authenticateRuntype(context: FaceContext): NonNullable<OperationsBinding['authenticate']> {
  return async (request, operation) => {
    const isApproval = operation.path === AGENT_APPROVE_PATH && operation.method === 'POST';
    if (!operation.path.startsWith(CLIENT_PATH) && !(isApproval && credentialOf(request) === null)) {
      return authenticate(context.engine, request, 'runtype');
    }
    await checkSession(context, request, operation);
    return PAGE;
  };
}

/** A stream that is open is checked again and again; before a body is read there is nothing to check. */
async function checkSession(
  { engine }: FaceContext,
  request: FastifyRequest,
  operation: Operation,
): Promise<void> {
  const { body } = request;
  const secret = isJsonObject(body) && operation.path.startsWith(CLIENT_PATH) ? body['sessionId'] : undefined;
  if (typeof secret !== 'string') return;
  await sessionOfPage(engine, secret, { origin: request.headers.origin ?? null });
}

/** The request as one of the session: without an `Idempotency-Key`, which only the holders of keys have. */
export function requestOfSession<P, Q, B>(
  request: OperationRequest<P, Q, B>,
  session: ClientSession,
): OperationRequest<P, Q, B> {
  return {
    ...request,
    caller: callerOfSession(session),
    command: async (run, reply) => reply(await run({ deadlineAt: Date.now() + COMMAND_DEADLINE_MS })),
  };
}

/** 401 as a page sees it where nothing shows that it may ask. */
export function noClientSession(): RuntypeError {
  return new RuntypeError(
    'unauthenticated',
    'Send your key, or approve from a page of a live client session.',
  );
}
