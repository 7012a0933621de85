import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';

/** A value that must not be logged: every way to print it gives `[secret]`. */
export interface Secret {
  reveal(): string;
  toString(): string;
  toJSON(): string;
}

const MASK = '[secret]';
const KEY_BYTES = 32;

/** Wraps a value so that logs, JSON and error messages cannot show it by accident. */
export function makeSecret(value: string): Secret {
  return Object.freeze({
    reveal: () => value,
    toString: () => MASK,
    toJSON: () => MASK,
    [inspect.custom]: () => MASK,
  });
}

/** Decodes `FERMATA_SECRET_KEY`: 32 bytes in base64 (either alphabet) or hex; null when it is neither. */
export function decodeSecretKey(text: string): Uint8Array | null {
  const trimmed = text.trim();
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return Buffer.from(trimmed, 'hex');
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)) return null;
  const bytes = Buffer.from(trimmed, 'base64');
  return bytes.length === KEY_BYTES ? bytes : null;
}

/**
 * The key that encrypts stored secrets: the configured one, else the one kept in `<data dir>/secret-key`, made at
 * the first start. Processes that share a database must share the key.
 * @throws Error when the file holds no key; it is never replaced, since what it encrypted would be lost.
 */
export function loadSecretKey(configured: Secret | null, dataDir: string): Promise<Uint8Array> {
  return loadKey(configured, 'FERMATA_SECRET_KEY', join(dataDir, 'secret-key'));
}

/**
 * The seed of the key that signs receipts: the configured one, else the one kept in `<data dir>/receipt-key`, made at
 * the first start. Processes may have different ones; the database knows the public key of each.
 * @throws Error when the file holds no key
 */
export function loadReceiptKey(configured: Secret | null, dataDir: string): Promise<Uint8Array> {
  return loadKey(configured, 'FERMATA_RECEIPT_KEY', join(dataDir, 'receipt-key'));
}

async function loadKey(configured: Secret | null, variable: string, path: string): Promise<Uint8Array> {
  if (configured) {
    const key = decodeSecretKey(configured.reveal());
    if (!key) throw new Error(`${variable} must be 32 bytes in base64 or hex.`);
    return key;
  }
  const text = await readOrCreateSecretFile(path, () => randomBytes(KEY_BYTES).toString('base64'));
  const key = decodeSecretKey(text);
  if (!key) {
    throw new Error(`${path} does not hold a key of 32 bytes. Restore it from a backup, or set ${variable}.`);
  }
  return key;
}

/** A short name for a key, safe to store and to show: tells whether two processes have the same one. */
export function secretKeyFingerprint(key: Uint8Array): string {
  return createHash('sha256').update('fermata secret key\0').update(key).digest('hex').slice(0, 16);
}

/**
 * The text in a file of mode 0600, made on first use. Of several processes that make it at once one wins, and all
 * return the winner's text.
 */
export async function readOrCreateSecretFile(path: string, create: () => string): Promise<string> {
  const existing = await readIfPresent(path);
  if (existing !== null) return existing;
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  const staging = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const handle = await open(staging, 'wx', 0o600);
  try {
    await handle.writeFile(`${create()}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    // A link appears with its whole content and never replaces a file.
    await link(staging, path);
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(staging, { force: true });
  }
  const text = await readIfPresent(path);
  if (text === null) throw new Error(`${path} was removed while it was being made.`);
  return text;
}

async function readIfPresent(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
