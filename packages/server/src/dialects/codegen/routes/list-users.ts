import { numberedWindowOf } from '../decode.ts';
import { encodePage, encodeUser } from '../encode.ts';
import { codegenOperation, STANDARD } from '../operation.ts';
import { numberedPageQuery, organizationParams, pageSchema, userSchema } from '../wire.ts';

export const listUsers = codegenOperation({
  operationId: 'list_users',
  method: 'GET',
  path: '/v1/organizations/{org_id}/users',
  tag: 'Organizations and users',
  role: 'viewer',
  summary: 'List the users of an organization',
  params: organizationParams,
  query: numberedPageQuery,
  reply: pageSchema(userSchema),
  rate: STANDARD,
  async handle({ engine, caller, query }) {
    const window = numberedWindowOf(query);
    const page = await engine.identity.principals(caller, { ...window, total: true });
    return { status: 200, body: encodePage(page, window, encodeUser) };
  },
});
