import { isJsonObject } from '@fermata/protocol';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../../engine/caller.ts';
import type { ClientSession } from '../../engine/facade-clients.ts';
import { authenticate, credentialOf } from '../../http/auth.ts';
import type { FaceContext } from '../../http/face.ts';
import { COMMAND_DEADLINE_MS } from '../../http/limits.ts';
import type { OperationsBinding } from '../../http/register-operations.ts';
import type { Operation, OperationRequest } from '../../http/route.ts';
import { admitPage, callerOfSession, sessionOfPage } from './client-access.ts';
import { RuntypeError } from './errors.ts';
import { runIdIn } from './ids.ts';

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
    if (operation.tag !== CLIENT_TAG && !mayComeFromPage(request, operation)) {
      return authenticate(context.engine, request, 'runtype');
    }
    await checkSession(context, request);
    return PAGE;
  };
}

export const CLIENT_TAG = 'Client';

/** Where widgets with a client token send decisions too, without a key. Source: wire section 5.4. */
function mayComeFromPage(request: FastifyRequest, { operationId }: Operation): boolean {
  return operationId === 'approveAgent' && credentialOf(request) === null;
}

/** A stream that is open is checked again and again; before a body is read there is nothing to check. */
async function checkSession({ engine }: FaceContext, request: FastifyRequest): Promise<void> {
  const { body, query } = request;
  const given = isJsonObject(body) ? body['sessionId'] : isJsonObject(query) ? query['sessionId'] : undefined;
  if (typeof given !== 'string') return;
  await sessionOfPage(engine, given, {
    origin: request.headers.origin ?? null,
    mayOmitOrigin: body === undefined,
  });
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

function noClientSession(): RuntypeError {
  return new RuntypeError(
    'unauthenticated',
    'Send your key, or approve from a page of a live client session.',
  );
}

/**
 * A decision that comes without a key: of a page that may use the token of the session which has started the run, while
 * the run's conversation has a live session. Throws 401 for any other. Source: wire section 12.
 */
export async function decisionOfPage<P, Q, B extends { executionId: string }>(
  request: OperationRequest<P, Q, B>,
): Promise<OperationRequest<P, Q, B>> {
  const { engine, body } = request;
  const origin = request.header('origin');
  const runId = runIdIn(body.executionId);
  const session = runId === null || origin === null ? null : await engine.clients.sessionOfRun(runId);
  if (session === null) throw noClientSession();
  try {
    admitPage(session.token, { origin });
  } catch {
    throw noClientSession();
  }
  return requestOfSession(request, session);
}
