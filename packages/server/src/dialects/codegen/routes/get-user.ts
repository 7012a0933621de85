import type { Principal } from '../../../engine/facade-accounts.ts';
import type { Caller } from '../../../engine/caller.ts';
import { EngineError } from '../../../engine/errors.ts';
import type { Engine } from '../../../engine/facade.ts';
import { encodeUser } from '../encode.ts';
import { CodegenError } from '../errors.ts';
import { codegenOperation, STANDARD } from '../operation.ts';
import { userParams, userSchema } from '../wire.ts';

export const getUser = codegenOperation({
  operationId: 'get_user',
  method: 'GET',
  path: '/v1/organizations/{org_id}/users/{user_id}',
  tag: 'Organizations and users',
  role: 'viewer',
  summary: 'Get a user',
  params: userParams,
  reply: userSchema,
  errors: ['not_found'],
  rate: STANDARD,
  async handle({ engine, caller, params }) {
    return { status: 200, body: encodeUser(await userOf(engine, caller, params.user_id)) };
  },
});

async function userOf(engine: Engine, caller: Caller, number: number): Promise<Principal> {
  try {
    return await engine.identity.principal(caller, String(number));
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'not_found') throw error;
    throw new CodegenError('not_found', 'User not found.');
  }
}
