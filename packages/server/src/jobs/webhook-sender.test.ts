import { describe, expect, it } from 'vitest';
import { createGuardedFetch } from '../outgoing/guarded-fetch.ts';
import { createWebhookSender, headersOf } from './webhook-sender.ts';

// The example of the Standard Webhooks specification.
const MESSAGE = {
  url: 'https://example.com',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  body: '{"test": 2432232314}',
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  signatureHeader: 'x-signature',
};

describe('the headers of a webhook', () => {
  it('are signed as Standard Webhooks says', () => {
    expect(headersOf(MESSAGE, 1_614_265_330)).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': MESSAGE.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('have no signature without a secret, and one of the body where the face names a header', () => {
    expect(Object.keys(headersOf({ ...MESSAGE, secret: null }, 1)).sort()).toEqual([
      'content-type',
      'webhook-id',
      'webhook-timestamp',
    ]);
    expect(headersOf({ ...MESSAGE, secret: 'key', body: 'body' }, 1)['x-signature']).toBe(
      // printf body | openssl dgst -sha256 -hmac key
      'sha256=515aae133b435d4000956731f68ae5cf5eb85d4f0dc6a546d2bfcd3595ec1ae1',
    );
    expect(headersOf({ ...MESSAGE, signatureHeader: null }, 1)).not.toHaveProperty('x-signature');
  });
});

describe('sending', () => {
  const fetch = createGuardedFetch({ allow: [], maxBytes: 1000, timeoutMs: 1000 });
  const sender = createWebhookSender({ fetch, formatOf: () => undefined });

  it.each(['http://127.0.0.1:1/', 'ftp://example.com/', 'no url'])('to %s is hopeless', async (url) => {
    expect(await sender.send('codegen', { url, body: '{}', secret: null })).toMatchObject({
      isDelivered: false,
      status: null,
      isHopeless: true,
    });
  });
});
