import type { z } from 'zod';
import type { OperationReply, OperationRequest } from '../../../http/route.ts';
import { windowOf } from '../decode.ts';
import { encodePage } from '../encode.ts';
import { codegenOperation, STANDARD } from '../operation.ts';
import { organizationParams, pageQuery, pageSchema, repoSchema } from '../wire.ts';

export const listRepos = codegenOperation({
  operationId: 'list_repos',
  method: 'GET',
  path: '/v1/organizations/{org_id}/repos',
  tag: 'Repositories',
  role: 'viewer',
  summary: 'List the repositories',
  description: 'There are none: runs keep and echo `repo_id` alone.',
  params: organizationParams,
  query: pageQuery,
  reply: pageSchema(repoSchema),
  rate: STANDARD,
  handle: noRepos,
});

export function noRepos({
  query,
}: Pick<OperationRequest<unknown, z.output<typeof pageQuery>, unknown>, 'query'>): Promise<OperationReply> {
  const page = { data: [], nextCursor: null, total: 0 };
  return Promise.resolve({ status: 200, body: encodePage(page, windowOf(query), (repo) => repo) });
}
