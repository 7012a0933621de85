import { codegenOperation, CREATION } from '../operation.ts';
import { resumeAgentRun } from '../resume.ts';
import { agentRunSchema, organizationParams, resumeRunBody } from '../wire.ts';
import { RUN_BODY_BYTES } from './create-run.ts';

/** The vendor names no rate; that of creation is ours. */
export const RESUME_RATE = CREATION;

export const resumeRun = codegenOperation({
  operationId: 'resume_agent_run',
  method: 'POST',
  path: '/v1/organizations/{org_id}/agent/run/resume',
  tag: 'Agent runs',
  role: 'operator',
  summary: 'Resume an agent run',
  description:
    'In any state: a paused run goes on with the prompt as a new turn of the user, what a waiting one waits for is superseded, a running one takes the prompt in at its next turn, an ended one is reopened with its whole history. A blank prompt without images only releases. Webhooks need the role developer.',
  params: organizationParams,
  body: resumeRunBody,
  reply: agentRunSchema,
  errors: ['not_found', 'held', 'sealed'],
  bodyLimitBytes: RUN_BODY_BYTES,
  rate: RESUME_RATE,
  handle: (request) => resumeAgentRun(request, request.body.agent_run_id, request.body),
});
