import { isJsonObject, type Json } from '@fermata/protocol';

const SESSION = /Session: (\S+)$/;

/** The headers of a submitted task, from the body of its reply, so that a replayed reply has them too. */
export function sessionHeaders(body: unknown): Record<string, string> {
  if (!isJsonObject(body as Json)) return {};
  const { task_id: taskId, message } = body as Record<string, unknown>;
  const session = typeof message === 'string' ? SESSION.exec(message)?.[1] : undefined;
  return {
    ...(typeof taskId === 'string' ? { 'x-workflow-id': taskId } : {}),
    ...(session === undefined ? {} : { 'x-session-id': session }),
  };
}
