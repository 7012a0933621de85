import { codegenOperation, STANDARD } from '../operation.ts';
import { organizationParams, pageQuery, pageSchema, repoSchema } from '../wire.ts';
import { listRepos, noRepos } from './list-repos.ts';

export const listRepositories = codegenOperation({
  operationId: 'list_repositories',
  method: 'GET',
  path: '/v1/organizations/{org_id}/repositories',
  tag: 'Repositories',
  role: 'viewer',
  summary: 'List the repositories, by the path of the CLI',
  params: organizationParams,
  query: pageQuery,
  reply: pageSchema(repoSchema),
  rate: STANDARD,
  rateName: listRepos.operationId,
  handle: noRepos,
});
