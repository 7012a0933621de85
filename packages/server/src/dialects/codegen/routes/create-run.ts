import type { Json } from '@fermata/protocol';
import { modelOf, webhooksOf } from '../decode.ts';
import { encodeRun, faceOf } from '../encode.ts';
import { decodeImages, promptParts } from '../images.ts';
import { serverBase } from '../links.ts';
import { codegenOperation, CREATION } from '../operation.ts';
import { agentRunSchema, createRunBody, organizationParams } from '../wire.ts';

/** With images as base64. */
export const RUN_BODY_BYTES = 36 * 1024 * 1024;

export const createRun = codegenOperation({
  operationId: 'create_agent_run',
  method: 'POST',
  path: '/v1/organizations/{org_id}/agent/run',
  tag: 'Agent runs',
  role: 'developer',
  summary: 'Create an agent run',
  params: organizationParams,
  body: createRunBody,
  reply: agentRunSchema,
  errors: ['not_configured', 'quota_exceeded'],
  bodyLimitBytes: RUN_BODY_BYTES,
  rate: CREATION,
  async handle(request) {
    const { engine, caller, body, traceparent, command } = request;
    const parts = await promptParts(request, body.prompt, decodeImages(body.images));
    const isText = parts.every((part) => part.type === 'text');
    const start = {
      // Parts as JSON have no members that are undefined.
      input: isText ? body.prompt : (parts as unknown as Json),
      model: modelOf(body.model),
      metadata: body.metadata,
      face: faceOf({ repoId: body.repo_id, agentType: body.agent_type }),
      webhooks: webhooksOf(body.webhooks),
      traceparent: traceparent ?? undefined,
    };
    return command(
      (options) => engine.runs.start(caller, start, options),
      ({ run }) => ({ status: 200, body: encodeRun(run, serverBase(request)) }),
    );
  },
});
