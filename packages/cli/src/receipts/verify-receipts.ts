import { createHash, createPublicKey, verify } from 'node:crypto';
import { canonicalJson, receiptsSchema, type Json, type Receipts } from '@fermata/protocol';

export type Verdict = { ok: true; receipts: Receipts } | { ok: false; fault: string };

/** What stands before the 32 bytes of an ed25519 public key in its SPKI form (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Checks receipts offline: every hash, that nothing is missing between two links or at the end, whose run it is, and
 * the signature; with `trusted` (base64 or hex of the 32 bytes) also that this key made it. The first fault is told.
 */
export function verifyReceipts(text: string, trusted: string | null): Verdict {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return fault('this is not JSON');
  }
  const parsed = receiptsSchema.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return fault(
      `these are no receipts: ${issue?.path.map(String).join('.') ?? ''} ${issue?.message ?? ''}`.trim(),
    );
  }
  const receipts = parsed.data;
  const problem = chainFault(receipts) ?? signatureFault(document as Receipts, trusted);
  return problem === null ? { ok: true, receipts } : fault(problem);
}

function fault(text: string): Verdict {
  return { ok: false, fault: text };
}

function chainFault({ run, chain, head }: Receipts): string | null {
  let prev: string | null = null;
  let last = 0;
  for (const link of chain) {
    const { seq, type, at, data } = link;
    const place = `the link at seq ${seq} (${type})`;
    if (seq <= last) return `${place} is out of order: it follows seq ${last}`;
    if (link.prev !== prev)
      return `${place} does not follow the link before it: one was changed, added or left out`;
    if (sha256(canonicalJson({ prev, seq, type, at, data })) !== link.hash) return `${place} was changed`;
    prev = link.hash;
    last = seq;
  }
  const [first] = chain;
  if (first?.type !== 'run.created') return 'the chain does not begin with the creation of the run';
  if (first.data['runId'] !== run.id) return 'the chain is that of another run';
  if (head !== prev)
    return 'the head is not the last link: decisions are missing at the end, or the log was changed';
  return last > run.head ? `the log ends at seq ${run.head}, before the last link` : null;
}

/** Over the document as it was given: members that this version does not know are signed too. */
function signatureFault(document: Receipts, trusted: string | null): string | null {
  const { signature, ...signed } = document;
  const publicKey = bytesOfKey(signed.key.publicKey);
  if (publicKey === null) return 'the public key in the document is no ed25519 key';
  if (trusted !== null) {
    const expected = bytesOfKey(trusted);
    if (expected === null) return 'the given --key is no ed25519 public key (32 bytes in base64 or hex)';
    if (!expected.equals(publicKey))
      return `it was signed by another key than the given one: ${signed.key.id}`;
  }
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
  const text = Buffer.from(canonicalJson(signed as Json), 'utf8');
  const isSigned = verify(null, text, key, Buffer.from(signature, 'base64'));
  return isSigned ? null : 'the signature does not fit: the document was changed after it was signed';
}

function bytesOfKey(text: string): Buffer | null {
  const trimmed = text.trim();
  const bytes = Buffer.from(trimmed, /^[0-9a-f]{64}$/i.test(trimmed) ? 'hex' : 'base64');
  return bytes.length === 32 ? bytes : null;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
