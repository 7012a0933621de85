import { codegenOperation } from '../operation.ts';
import { resumeAgentRun } from '../resume.ts';
import { agentRunSchema, organizationParams, resumeRunBody } from '../wire.ts';
import { RUN_BODY_BYTES } from './create-run.ts';
import { RESUME_RATE, resumeRun } from './resume-run.ts';

export const resumeRunBeta = codegenOperation({
  operationId: 'resume_agent_run_beta',
  method: 'POST',
  path: '/v1/beta/organizations/{org_id}/agent/run/resume',
  tag: 'Agent runs',
  role: 'operator',
  summary: 'Resume an agent run, by its older path',
  params: organizationParams,
  body: resumeRunBody,
  reply: agentRunSchema,
  errors: ['not_found', 'held', 'sealed'],
  bodyLimitBytes: RUN_BODY_BYTES,
  rate: RESUME_RATE,
  rateName: resumeRun.operationId,
  handle: (request) => resumeAgentRun(request, request.body.agent_run_id, request.body),
});
