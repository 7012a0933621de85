import { codegenOperation } from '../operation.ts';
import { sessionKey } from '../sessions.ts';
import { organizationParams, sessionBody, sessionSchema } from '../wire.ts';

export const startSession = codegenOperation({
  operationId: 'create_claude_code_session',
  method: 'POST',
  path: '/v1/organizations/{org_id}/claude_code/session',
  tag: 'Sessions of the CLI',
  role: 'developer',
  summary: 'Begin a session of Claude Code',
  description: 'A run that the client drives. The same session again is the same run.',
  params: organizationParams,
  body: sessionBody,
  reply: sessionSchema,
  handle: ({ engine, caller, body, command }) =>
    command(
      (options) =>
        engine.runs.start(
          caller,
          {
            mode: 'external',
            kind: 'session',
            key: sessionKey(body.session_id),
            title: 'Claude Code session',
            metadata: {},
            face: { session_id: body.session_id },
          },
          options,
        ),
      ({ run }) => ({ status: 200, body: { agent_run_id: run.number } }),
    ),
});
