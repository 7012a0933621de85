import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  decodeSecretKey,
  loadReceiptKey,
  loadSecretKey,
  makeSecret,
  secretKeyFingerprint,
} from './secrets.ts';

let dataDir = '';
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'fermata-secrets-'));
});
afterEach(async () => {
  await rm(dataDir, { recursive: true });
});

describe('decodeSecretKey', () => {
  it('reads 32 bytes in hex, base64 and URL-safe base64, and nothing else', () => {
    const bytes = Buffer.alloc(32, 0xfb);
    expect(decodeSecretKey(bytes.toString('hex'))).toEqual(bytes);
    expect(decodeSecretKey(bytes.toString('base64'))).toEqual(bytes);
    expect(decodeSecretKey(bytes.toString('base64url'))).toEqual(bytes);
    expect(decodeSecretKey('')).toBeNull();
    expect(decodeSecretKey('abc')).toBeNull();
    expect(decodeSecretKey(Buffer.alloc(31).toString('base64'))).toBeNull();
  });
});

describe('loadSecretKey', () => {
  it('makes one key for all processes that start at once, readable by the owner alone', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadSecretKey(null, dataDir)));
    expect(new Set(keys.map(secretKeyFingerprint)).size).toBe(1);
    expect((await stat(join(dataDir, 'secret-key'))).mode & 0o777).toBe(0o600);
    expect(await loadSecretKey(null, dataDir)).toEqual(keys[0]);
  });

  it('prefers the configured key and leaves no file', async () => {
    const key = await loadSecretKey(makeSecret('ab'.repeat(32)), dataDir);
    expect(Buffer.from(key).toString('hex')).toBe('ab'.repeat(32));
    await expect(stat(join(dataDir, 'secret-key'))).rejects.toThrow('ENOENT');
  });

  it('refuses a damaged key file rather than replacing it', async () => {
    await writeFile(join(dataDir, 'secret-key'), 'garbage');
    await expect(loadSecretKey(null, dataDir)).rejects.toThrow('does not hold a key');
  });
});

describe('loadReceiptKey', () => {
  it('makes a key of its own, readable by the owner alone, unless one is configured', async () => {
    const key = await loadReceiptKey(null, dataDir);
    expect((await stat(join(dataDir, 'receipt-key'))).mode & 0o777).toBe(0o600);
    expect(await loadReceiptKey(null, dataDir)).toEqual(key);
    expect(await loadSecretKey(null, dataDir)).not.toEqual(key);
    const configured = await loadReceiptKey(makeSecret('ab'.repeat(32)), dataDir);
    expect(Buffer.from(configured).toString('hex')).toBe('ab'.repeat(32));
  });

  it('names its variable when the file is damaged', async () => {
    await writeFile(join(dataDir, 'receipt-key'), 'garbage');
    await expect(loadReceiptKey(null, dataDir)).rejects.toThrow('FERMATA_RECEIPT_KEY');
  });
});
