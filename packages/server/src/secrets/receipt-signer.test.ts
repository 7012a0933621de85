import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createReceiptSigner } from './receipt-signer.ts';

/** RFC 8032, section 7.1, test 1: seed, public key, and the signature of nothing. */
const SEED = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
const PUBLIC = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
const SIGNATURE =
  'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b';

describe('the signer of receipts', () => {
  it('signs as RFC 8032 says', () => {
    const signer = createReceiptSigner(Buffer.from(SEED, 'hex'));
    expect(signer.key).toEqual({
      id: `rkey_${createHash('sha256').update(Buffer.from(PUBLIC, 'hex')).digest('hex').slice(0, 16)}`,
      algorithm: 'ed25519',
      publicKey: Buffer.from(PUBLIC, 'hex').toString('base64'),
    });
    expect(Buffer.from(signer.sign(''), 'base64').toString('hex')).toBe(SIGNATURE);
  });

  it('takes a seed of 32 bytes and no other', () => {
    expect(() => createReceiptSigner(Buffer.alloc(31))).toThrow(RangeError);
  });
});
