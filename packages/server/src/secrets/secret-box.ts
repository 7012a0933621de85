import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const PREFIX = 'fbox1.';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Thrown by `open`: the text is no sealed secret, was changed, or belongs to another key or context. */
export class SecretBoxError extends Error {
  override readonly name = 'SecretBoxError';
}

/** Seals short secrets for storage. The context (such as `run:<id>:secrets`) is authenticated, not stored. */
export interface SecretBox {
  seal(plaintext: string, context: string): string;
  /** Throws `SecretBoxError` when the sealed text cannot be opened. */
  open(sealed: string, context: string): string;
}

/**
 * AES-256-GCM under a 32-byte key, a random 96-bit nonce per secret, the context as associated data. The prefix
 * names the format, so that a later one can be told apart. Throws a `RangeError` for a key of another length.
 */
export function createSecretBox(key: Buffer): SecretBox {
  if (key.length !== KEY_BYTES) throw new RangeError(`the secret key must have ${KEY_BYTES} bytes`);
  const ownKey = Buffer.from(key);

  function seal(plaintext: string, context: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', ownKey, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(associatedData(context));
    const body = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
    return PREFIX + Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url');
  }

  function open(sealed: string, context: string): string {
    if (!sealed.startsWith(PREFIX)) throw new SecretBoxError('this is not a sealed secret of a known format');
    const text = sealed.slice(PREFIX.length);
    const bytes = Buffer.from(text, 'base64url');
    // Node skips characters that are not base64url; one secret must have one spelling.
    if (bytes.toString('base64url') !== text || bytes.length < NONCE_BYTES + TAG_BYTES) {
      throw new SecretBoxError('the sealed secret is damaged');
    }
    const decipher = createDecipheriv('aes-256-gcm', ownKey, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(associatedData(context));
    decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    try {
      const body = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
      return Buffer.concat([body, decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new SecretBoxError(
        'the secret was sealed with another key, for another context, or was changed',
        {
          cause,
        },
      );
    }
  }

  return { seal, open };
}

/** A run's secrets, which were sealed as JSON for the run. Throws `SecretBoxError`. */
export function openRunSecrets(box: SecretBox, sealed: string, runId: string): Record<string, string> {
  return JSON.parse(box.open(sealed, runId)) as Record<string, string>;
}

function associatedData(context: string): Buffer {
  return Buffer.from(PREFIX + context, 'utf8');
}
