import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  canonicalJson,
  type Json,
  type JsonObject,
  type ReceiptLink,
  type Receipts,
} from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { fermata } from '../../test/cli-world.ts';
import { verifyReceipts } from './verify-receipts.ts';

const AT = '2026-01-01T00:00:00.000Z';
const mine = generateKeyPairSync('ed25519');
const publicKey = rawOf(mine.publicKey);

function rawOf(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
}

/** Receipts as a server makes them, written from their description alone. */
function receipts(decisions: readonly { seq: number; type: string; data: JsonObject }[]): Receipts {
  const chain: ReceiptLink[] = [];
  for (const decision of decisions) {
    const link = { prev: chain.at(-1)?.hash ?? null, at: AT, ...decision };
    chain.push({ ...link, hash: createHash('sha256').update(canonicalJson(link)).digest('hex') });
  }
  return signed({
    format: 'fermata.receipts.v1',
    run: { id: 'r1', number: 1, organizationId: 1, status: 'cancelled', head: 9 },
    chain,
    head: chain.at(-1)?.hash ?? null,
    key: { id: 'rkey_1', algorithm: 'ed25519', publicKey },
  });
}

function signed(document: Omit<Receipts, 'signature'>): Receipts {
  const text = Buffer.from(canonicalJson(document as unknown as Json));
  return { ...document, signature: sign(null, text, mine.privateKey).toString('base64') };
}

const GOOD = receipts([
  { seq: 1, type: 'run.created', data: { runId: 'r1' } },
  { seq: 4, type: 'wait.resolved', data: { resolution: { outcome: 'approve', by: { name: 'Ada' } } } },
  { seq: 9, type: 'run.cancelled', data: { reason: 'enough' } },
]);

/** What is wrong after a change; `resigned`: whoever changed it holds the key. */
function faultOf(change: (document: Receipts) => void, resigned = false): string {
  const document = structuredClone(GOOD);
  change(document);
  const { signature, ...rest } = document;
  const verdict = verifyReceipts(JSON.stringify(resigned ? signed(rest) : { ...rest, signature }), null);
  return verdict.ok ? 'none' : verdict.fault;
}

describe('receipts', () => {
  it('hold as the server made them, also when they were formatted anew', () => {
    expect(verifyReceipts(JSON.stringify(GOOD), null).ok).toBe(true);
    expect(verifyReceipts(JSON.stringify(GOOD, null, 4), publicKey).ok).toBe(true);
    expect(verifyReceipts(JSON.stringify(GOOD), Buffer.from(publicKey, 'base64').toString('hex')).ok).toBe(
      true,
    );
  });

  it('say what was changed, even by somebody who could sign them again', () => {
    const decision = (document: Receipts): JsonObject => document.chain[1]?.data ?? {};
    const deny = (document: Receipts): void => void (decision(document)['resolution'] = { outcome: 'deny' });
    expect(faultOf(deny, true)).toBe('the link at seq 4 (wait.resolved) was changed');
    expect(faultOf((document) => void document.chain.splice(1, 1), true)).toContain('does not follow');
    expect(faultOf((document) => void document.chain.pop(), true)).toContain('the head is not the last link');
    expect(faultOf((document) => void document.chain.reverse(), true)).toContain('does not follow');
    expect(faultOf((document) => void document.chain.push(...document.chain.slice(1, 2)), true)).toContain(
      'out of order',
    );
    expect(faultOf((document) => void (document.run.id = 'r2'), true)).toBe(
      'the chain is that of another run',
    );
    expect(faultOf((document) => void (document.run.head = 5), true)).toContain('the log ends at seq 5');
  });

  it('say that the signature does not fit when anything else was changed', () => {
    expect(faultOf((document) => void (document.run.status = 'succeeded'))).toContain('the signature');
    expect(faultOf((document) => void (document.signature = 'AAAA'))).toContain('the signature');
    expect(faultOf((document) => void (document.key.publicKey = 'AAAA'))).toContain('no ed25519 key');
  });

  it('of another signer do not hold for those who name their own', () => {
    const other = rawOf(generateKeyPairSync('ed25519').publicKey);
    expect(verifyReceipts(JSON.stringify(GOOD), other)).toMatchObject({ ok: false });
    expect(verifyReceipts(JSON.stringify(GOOD), 'not a key')).toMatchObject({ ok: false });
  });

  it('are told from anything else', () => {
    for (const text of ['', '{', 'null', '{"format":"fermata.receipts.v1"}', '[]']) {
      expect(verifyReceipts(text, null).ok).toBe(false);
    }
  });
});

describe('fermata receipts', () => {
  it('get prints what the server answered, and verify checks it without a server or key', async () => {
    const got = await fermata(['receipts', 'get', 'r1'], { api: { 'GET /runs/r1/receipts': GOOD } });
    expect(JSON.parse(got.out)).toEqual(GOOD);
    const world = { stdin: got.out, env: { FERMATA_API_KEY: '' } };
    const plain = await fermata(['receipts', 'verify', '-'], world);
    expect(plain).toMatchObject({ code: 0, sent: [] });
    expect(plain.out).toBe(
      'The receipts hold: 3 decisions of run r1, signed by rkey_1 (not compared with a key of yours).\n',
    );
    const compared = await fermata(['receipts', 'verify', '-', '--key', publicKey], world);
    expect(compared).toMatchObject({ code: 0, sent: [] });
    expect(compared.out).toContain('signed by rkey_1.');
  });

  it('verify says in one line what is wrong, and exits with 1', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fermata-receipts-'));
    try {
      await writeFile(join(folder, 'r.json'), JSON.stringify(GOOD).replace('enough', 'nothing'));
      const result = await fermata(['receipts', 'verify', 'r.json'], { cwd: folder });
      expect(result.code).toBe(1);
      expect(result.err).toBe(
        'Error: The receipts do not hold: the link at seq 9 (run.cancelled) was changed.\n',
      );
      expect((await fermata(['receipts', 'verify', 'nowhere.json'], { cwd: folder })).code).toBe(1);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
