import { bodyObject } from '../body.ts';
import { decodeSubmit } from '../decode.ts';
import { echoOf } from '../encode.ts';
import { defineRoute } from '../route.ts';
import { taskIdOf } from '../task-id.ts';
import { submitBody, submitStreamReply } from '../wire.ts';
import { SUBMIT_LIMIT_BYTES } from './submit-limit.ts';

export const submitStream = defineRoute({
  operationId: 'submitTaskStream',
  method: 'POST',
  path: '/api/v1/tasks/stream',
  tag: 'Tasks',
  role: 'developer',
  summary: 'Submit a task and get the URL of its stream',
  body: submitBody,
  example: { query: 'What is a fermata?' },
  replies: { 201: { description: 'The task has begun', schema: submitStreamReply } },
  bodyLimitBytes: SUBMIT_LIMIT_BYTES,
  isKeyed: true,
  headersOf(body) {
    const { workflow_id: id, stream_url: url, session_id: session } = body as Record<string, string>;
    return {
      'x-workflow-id': id ?? '',
      'x-session-id': session ?? '',
      link: `<${url ?? ''}>; rel=stream`,
    };
  },
  handle: async (request) => {
    const { start } = await decodeSubmit(request, bodyObject(request.body));
    return request.command(
      (options) => request.engine.runs.start(request.caller, start, options),
      ({ run }) => {
        const id = taskIdOf(run);
        return {
          status: 201,
          body: {
            workflow_id: id,
            task_id: id,
            stream_url: `${request.basePath}/api/v1/stream/sse?workflow_id=${id}`,
            session_id: echoOf(run).sessionId,
          },
        };
      },
    );
  },
});
