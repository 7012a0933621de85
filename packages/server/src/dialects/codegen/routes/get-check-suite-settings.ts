import { checkSuiteSettings } from '../check-suite.ts';
import { codegenOperation } from '../operation.ts';
import { checkSuiteSettingsSchema, organizationParams, repoQuery } from '../wire.ts';

export const getCheckSuiteSettings = codegenOperation({
  operationId: 'get_check_suite_settings',
  method: 'GET',
  path: '/v1/organizations/{org_id}/repos/check-suite-settings',
  tag: 'Repositories',
  role: 'viewer',
  summary: 'Get the check suite settings of a repository',
  params: organizationParams,
  query: repoQuery,
  reply: checkSuiteSettingsSchema,
  async handle(request) {
    return { status: 200, body: await checkSuiteSettings(request, request.query.repo_id) };
  },
});
