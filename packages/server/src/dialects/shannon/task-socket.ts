import { isTerminal } from '@fermata/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import type { Caller } from '../../engine/caller.ts';
import { EngineError } from '../../engine/errors.ts';
import { requireRole } from '../../http/auth.ts';
import { openRunStream } from '../../http/run-stream.ts';
import { readCursor } from './cursor.ts';
import { WireError } from './errors.ts';
import { authenticateShannon, type ShannonBinding } from './register.ts';
import { wantedTypes } from './sse-frames.ts';
import { findTask } from './task-id.ts';
import { createTaskReader, elapsed } from './task-stream.ts';
import { checkId } from './validate.ts';

export const SOCKET_PATH = '/api/v1/stream/ws';
const PING_MS = 20_000;
const PONG_DEADLINE_MS = 60_000;
/** A reader for whom this much waits is cut, bytes. */
const MOST_BUFFERED_BYTES = 8 * 1024 * 1024;
/** Going away: the reader connects again and goes on with its last id. */
const CLOSE_GOING_AWAY = 1001;
const CLOSE_TRY_AGAIN = 1013;

interface SocketRequest {
  caller: Caller;
  taskId: string;
  after: number;
}

/**
 * A task's events as messages with their raw types. Key, id and cursor are checked before the upgrade; the end of the
 * task does not close the socket, as a reopened task goes on.
 */
export function registerWebSocket(app: FastifyInstance, binding: ShannonBinding): void {
  const requests = new WeakMap<FastifyRequest, SocketRequest>();
  app.route({
    method: 'GET',
    url: SOCKET_PATH,
    onRequest: async (request) => {
      const caller = await authenticateShannon(binding, request, true);
      requireRole(caller, 'viewer');
      const query = new URLSearchParams(request.url.split('?')[1] ?? '');
      const taskId = checkId(query.get('workflow_id'), 'Invalid or missing workflow_id');
      requests.set(request, { caller, taskId, after: readCursor(undefined, query.get('last_event_id')) });
    },
    handler: () => Promise.reject(new WireError(400, { error: 'Bad Request: expected a WebSocket upgrade' })),
    wsHandler: (socket, request) => {
      const asked = requests.get(request);
      if (asked === undefined) return socket.terminate();
      const types = new URLSearchParams(request.url.split('?')[1] ?? '').get('types');
      serve(binding, socket, asked, types).catch((error: unknown) => {
        request.log.error({ err: error, requestId: request.id }, 'a socket failed');
        socket.terminate();
      });
    },
  });
}

async function serve(
  binding: ShannonBinding,
  socket: WebSocket,
  { caller, taskId, after }: SocketRequest,
  types: string | null,
): Promise<void> {
  const { context, options } = binding;
  const { engine } = context;
  const closed = new AbortController();
  const onDraining = (): void => {
    socket.close(CLOSE_GOING_AWAY);
    closed.abort();
  };
  context.draining.addEventListener('abort', onDraining, { once: true });
  socket.on('close', () => closed.abort());
  socket.on('error', () => closed.abort());
  const stopPinging = keepAlive(socket);
  try {
    const run = await findTask({ engine, caller }, taskId).catch(notFoundAsNull);
    if (run === null) {
      await elapsed(options.unknownTaskMs, closed.signal);
      sendEvent(socket, { workflow_id: taskId, type: 'ERROR_OCCURRED', message: 'Workflow not found' });
      socket.close();
      return;
    }
    const wanted = wantedTypes(types);
    const reader = createTaskReader(run, after);
    const frames = await openRunStream({
      engine,
      caller,
      runId: run.id,
      after: 0,
      signal: closed.signal,
      encode(event) {
        const events = reader.read(event);
        const end = isTerminal(statusAfter(event.type)) ? reader.end() : null;
        if (end !== null && end.seq > after) events.push(end);
        return events.filter(({ type }) => wanted?.(type) !== false).map((one) => JSON.stringify(one));
      },
    });
    for await (const batch of frames) {
      for (const text of batch) socket.send(text);
      if (socket.bufferedAmount > MOST_BUFFERED_BYTES) return socket.close(CLOSE_TRY_AGAIN);
    }
  } catch (error) {
    if (!closed.signal.aborted) throw error;
  } finally {
    stopPinging();
    context.draining.removeEventListener('abort', onDraining);
    closed.abort();
  }
}

/** Only a terminal event ends; what else it is does not matter here. */
function statusAfter(type: string): 'succeeded' | 'running' {
  return /^run\.(succeeded|failed|cancelled)$/.test(type) ? 'succeeded' : 'running';
}

function notFoundAsNull(error: unknown): null {
  if (error instanceof WireError && error.status === 404) return null;
  if (error instanceof EngineError && error.code === 'not_found') return null;
  throw error;
}

function sendEvent(socket: WebSocket, event: object): void {
  if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(event));
}

/** Pings, and ends a connection that has not answered for a minute. Returns the function that stops it. */
function keepAlive(socket: WebSocket): () => void {
  let answeredAt = Date.now();
  socket.on('pong', () => {
    answeredAt = Date.now();
  });
  const timer = setInterval(() => {
    if (Date.now() - answeredAt > PONG_DEADLINE_MS) socket.terminate();
    else if (socket.readyState === socket.OPEN) socket.ping();
  }, PING_MS);
  timer.unref();
  return () => clearInterval(timer);
}
