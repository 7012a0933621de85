import { updateRunBodySchema, updateRunParamsSchema, updateRunReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { assertFitsEvent } from '../stored-content.ts';

export const updateRun = defineOperation({
  operationId: 'updateRun',
  method: 'PATCH',
  path: '/runs/{runId}',
  tag: 'Runs',
  role: 'developer',
  summary: 'Change title, metadata, limits or seal',
  description: 'Metadata and limits are merged by key; null removes (RFC 7396). Accepted in every status.',
  params: updateRunParamsSchema,
  body: updateRunBodySchema,
  replies: { 200: { description: 'The run after it', schema: updateRunReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params, body, command }) => {
    assertFitsEvent(body, 'body');
    return command(
      (options) => engine.runs.update(caller, params.runId, body, options),
      ({ run, changed }) => ({ status: 200, body: { run, changed } }),
    );
  },
});
