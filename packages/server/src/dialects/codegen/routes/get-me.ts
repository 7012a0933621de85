import { encodeUser } from '../encode.ts';
import { codegenOperation, STANDARD } from '../operation.ts';
import { userSchema } from '../wire.ts';

export const getMe = codegenOperation({
  operationId: 'get_current_user',
  method: 'GET',
  path: '/v1/users/me',
  tag: 'Organizations and users',
  role: 'viewer',
  summary: 'Get the user of the key',
  reply: userSchema,
  rate: STANDARD,
  async handle({ engine, caller }) {
    return { status: 200, body: encodeUser(await engine.identity.principal(caller, caller.principalId)) };
  },
});
