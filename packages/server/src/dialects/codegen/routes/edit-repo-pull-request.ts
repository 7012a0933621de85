import { EDITS, codegenOperation } from '../operation.ts';
import { editPullRequestBody, editPullRequestSchema, repoPullRequestParams } from '../wire.ts';
import { NO_PULL_REQUEST } from './edit-pull-request.ts';

export const editRepoPullRequest = codegenOperation({
  operationId: 'edit_pull_request',
  method: 'PATCH',
  path: '/v1/organizations/{org_id}/repos/{repo_id}/prs/{pr_id}',
  tag: 'Repositories',
  role: 'developer',
  summary: 'Edit a pull request of a repository',
  description: 'There are no pull requests: it always answers `success: false`.',
  params: repoPullRequestParams,
  body: editPullRequestBody,
  reply: editPullRequestSchema,
  rate: EDITS,
  handle: () => Promise.resolve({ status: 200, body: NO_PULL_REQUEST }),
});
