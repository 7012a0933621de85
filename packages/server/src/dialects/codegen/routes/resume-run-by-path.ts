import { codegenOperation } from '../operation.ts';
import { resumeAgentRun } from '../resume.ts';
import { agentRunSchema, resumeBody, runParams } from '../wire.ts';
import { RUN_BODY_BYTES } from './create-run.ts';
import { RESUME_RATE, resumeRun } from './resume-run.ts';

export const resumeRunByPath = codegenOperation({
  operationId: 'resume_agent_run_by_path',
  method: 'POST',
  path: '/v1/organizations/{org_id}/agent/run/{agent_run_id}/resume',
  tag: 'Agent runs',
  role: 'operator',
  summary: 'Resume an agent run, named in the path',
  description: 'Extension: the path that many expect.',
  params: runParams,
  body: resumeBody,
  reply: agentRunSchema,
  errors: ['not_found', 'held', 'sealed'],
  bodyLimitBytes: RUN_BODY_BYTES,
  rate: RESUME_RATE,
  rateName: resumeRun.operationId,
  handle: (request) => resumeAgentRun(request, request.params.agent_run_id, request.body),
});
