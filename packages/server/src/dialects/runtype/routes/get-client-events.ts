import { z } from 'zod';
import type { OperationReply } from '../../../http/route.ts';
import { callerOfSession, ownRun, sessionOfPage } from '../client-access.ts';
import { CLIENT_TAG } from '../client-page.ts';
import { openExecutionStream } from '../execution-stream.ts';
import { readCursor } from '../frame.ts';
import { runtypeOperation } from '../operation.ts';
import { frameSchema } from '../wire-dispatch.ts';

export const getClientEvents = runtypeOperation({
  operationId: 'getClientEvents',
  method: 'GET',
  path: '/v1/client/conversations/{conversationId}/executions/{executionId}/events',
  tag: CLIENT_TAG,
  role: 'viewer',
  summary: 'Go on with a stream that broke off',
  description:
    'Of an execution of this conversation, by any live session of the token. Every frame after `after`, then live, until it pauses or ends.',
  params: z.object({
    conversationId: z.string().min(1).describe('As `init` named it'),
    executionId: z.string().min(1).describe('The execution, exec_<uuid>'),
  }),
  query: z.object({
    sessionId: z.string().min(1).max(200).describe('A live session'),
    after: z.string().optional().describe('`id:` of the last frame; absent: from the first'),
  }),
  reply: frameSchema,
  stream: frameSchema,
  errors: ['unauthenticated', 'forbidden', 'not_found'],
  async handle(request): Promise<OperationReply> {
    const { engine, params, query } = request;
    const after = readCursor(query.after ?? request.header('last-event-id'));
    // Browsers send no Origin with a GET of the same origin.
    const page = { origin: request.header('origin'), mayOmitOrigin: true };
    const session = await sessionOfPage(engine, query.sessionId, page);
    const run = await ownRun(engine, session, params.executionId, params.conversationId);
    const stream = await openExecutionStream({
      engine,
      caller: callerOfSession(session),
      runId: run.id,
      beginning: { after, isResumed: false, restates: 'nothing' },
      signal: request.streamSignal(),
    });
    return { status: 200, stream };
  },
});
