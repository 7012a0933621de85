import { numberedWindowOf } from '../decode.ts';
import { encodePage, ORGANIZATION_SETTINGS } from '../encode.ts';
import { codegenOperation, STANDARD } from '../operation.ts';
import { numberedPageQuery, organizationSchema, pageSchema } from '../wire.ts';

export const listOrganizations = codegenOperation({
  operationId: 'list_organizations',
  method: 'GET',
  path: '/v1/organizations',
  tag: 'Organizations and users',
  role: 'viewer',
  summary: 'List the organizations of the user',
  description: 'A key belongs to one.',
  query: numberedPageQuery,
  reply: pageSchema(organizationSchema),
  rate: STANDARD,
  async handle({ engine, caller, query }) {
    const window = numberedWindowOf(query);
    const { id, name } = await engine.identity.organization(caller);
    const data = window.offset === 0 ? [{ id, name, settings: ORGANIZATION_SETTINGS }] : [];
    const page = { data, nextCursor: null, total: 1 };
    return { status: 200, body: encodePage(page, window, (organization) => organization) };
  },
});
