import { checkSuiteSettings, setCheckSuiteSettings } from '../check-suite.ts';
import { codegenOperation } from '../operation.ts';
import { checkSuiteBody, checkSuiteSettingsSchema, organizationParams, repoQuery } from '../wire.ts';

export const setCheckSuiteSettingsOperation = codegenOperation({
  operationId: 'update_check_suite_settings',
  method: 'PUT',
  path: '/v1/organizations/{org_id}/repos/check-suite-settings',
  tag: 'Repositories',
  role: 'developer',
  summary: 'Set the check suite settings of a repository',
  description: 'Kept and shown; nothing acts on them yet.',
  params: organizationParams,
  query: repoQuery,
  body: checkSuiteBody,
  reply: checkSuiteSettingsSchema,
  async handle(request) {
    const { query, body } = request;
    await setCheckSuiteSettings(request, query.repo_id, body);
    return { status: 200, body: await checkSuiteSettings(request, query.repo_id) };
  },
});
