import { getBlobParamsSchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const getBlob = defineOperation({
  operationId: 'getBlob',
  method: 'GET',
  path: '/runs/{runId}/blobs/{digest}',
  tag: 'Events',
  role: 'viewer',
  summary: 'Get an image or file of a run',
  description: 'The bytes that a `blob:sha256-<hex>` URL of the run’s log stands for.',
  params: getBlobParamsSchema,
  replies: { 200: { description: 'The bytes, with their media type', mediaType: '*/*' } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params }) => {
    await engine.runs.get(caller, params.runId);
    const digest = params.digest.replace(/^blob:/, '');
    const blob = await engine.blobs.get(caller, `blob:${digest}`);
    return {
      status: 200,
      bytes: blob.bytes,
      mediaType: blob.mediaType,
      headers: {
        // What a stranger uploaded must never run as a page of this server.
        'content-security-policy': "default-src 'none'; sandbox",
        'content-disposition': 'attachment',
        'cache-control': 'private, max-age=31536000, immutable',
        etag: `"${digest}"`,
      },
    };
  },
});
