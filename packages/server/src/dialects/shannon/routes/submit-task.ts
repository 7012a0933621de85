import type { Run } from '@fermata/protocol';
import { bodyObject } from '../body.ts';
import { decodeSubmit } from '../decode.ts';
import { echoOf } from '../encode.ts';
import { defineRoute } from '../route.ts';
import { sessionHeaders } from '../session-headers.ts';
import { taskIdOf } from '../task-id.ts';
import { submitBody, submitReply } from '../wire.ts';
import { SUBMIT_LIMIT_BYTES } from './submit-limit.ts';

export const submitTask = defineRoute({
  operationId: 'submitTask',
  method: 'POST',
  path: '/api/v1/tasks',
  tag: 'Tasks',
  role: 'developer',
  summary: 'Submit a task',
  body: submitBody,
  example: { query: 'What is a fermata?' },
  replies: { 200: { description: 'The task has begun', schema: submitReply } },
  bodyLimitBytes: SUBMIT_LIMIT_BYTES,
  isKeyed: true,
  headersOf: sessionHeaders,
  handle: async (request) => {
    const { start } = await decodeSubmit(request, bodyObject(request.body));
    return request.command(
      (options) => request.engine.runs.start(request.caller, start, options),
      ({ run }) => ({ status: 200, body: submitted(run) }),
    );
  },
});

function submitted(run: Run): Record<string, string> {
  const id = taskIdOf(run);
  return {
    task_id: id,
    workflow_id: id,
    status: 'STATUS_CODE_OK',
    message: `Task submitted successfully. Session: ${echoOf(run).sessionId}`,
    created_at: run.createdAt,
  };
}
