import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { ReceiptKey } from '@fermata/protocol';

export interface ReceiptSigner {
  readonly key: ReceiptKey;
  /** ed25519 over the text's UTF-8, base64. */
  sign(text: string): string;
}

const SEED_BYTES = 32;
/** What stands before the seed in the PKCS #8 form of an ed25519 key (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Signs with the ed25519 key of a seed of 32 bytes. Throws a `RangeError` for a seed of another length. */
export function createReceiptSigner(seed: Uint8Array): ReceiptSigner {
  if (seed.length !== SEED_BYTES) throw new RangeError(`the receipt key must have ${SEED_BYTES} bytes`);
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-SEED_BYTES);
  const hash = createHash('sha256').update(publicKey).digest('hex');
  return {
    key: { id: `rkey_${hash.slice(0, 16)}`, algorithm: 'ed25519', publicKey: publicKey.toString('base64') },
    sign: (text) => sign(null, Buffer.from(text, 'utf8'), privateKey).toString('base64'),
  };
}
