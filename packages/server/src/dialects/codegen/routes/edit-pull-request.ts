import { EDITS, codegenOperation } from '../operation.ts';
import { editPullRequestBody, editPullRequestSchema, pullRequestParams } from '../wire.ts';

export const editPullRequest = codegenOperation({
  operationId: 'edit_pull_request_simple',
  method: 'PATCH',
  path: '/v1/organizations/{org_id}/prs/{pr_id}',
  tag: 'Repositories',
  role: 'developer',
  summary: 'Edit a pull request',
  description: 'There are no pull requests: it always answers `success: false`.',
  params: pullRequestParams,
  body: editPullRequestBody,
  reply: editPullRequestSchema,
  rate: EDITS,
  handle: () => Promise.resolve({ status: 200, body: NO_PULL_REQUEST }),
});

/** Nothing was edited. */
export const NO_PULL_REQUEST = {
  success: false,
  url: null,
  number: null,
  title: null,
  state: null,
  error: 'There is no such pull request: this server keeps no repositories.',
};
