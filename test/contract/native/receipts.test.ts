import type { Receipts, Wait } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { verifyReceipts } from '../../../packages/cli/src/receipts/verify-receipts.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { waitingRun } from './sample-data.ts';
import { verifies } from './verifies.ts';

const OTHER_SEED = Buffer.alloc(32, 9).toString('base64');
const world = sharedWorld();

function receiptsOf(runId: string): Promise<Receipts> {
  return world().viewer.call('GET', `/v1/runs/${runId}/receipts`);
}

function verdictOf(receipts: Receipts, key: string | null = null): string {
  const verdict = verifyReceipts(JSON.stringify(receipts), key);
  return verdict.ok ? 'holds' : verdict.fault;
}

async function approve(wait: Wait): Promise<void> {
  const answer = { decision: 'approve', digest: wait.digest ?? '', reason: 'fine' } as const;
  await world().operator.answer(wait.id, answer);
}

describe('receipts', () => {
  verifies(['receipts.get', 'receipts.content', 'receipts.keys'], async () => {
    const { runId, wait } = await waitingRun(world());
    await world().operator.command(runId, 'pause', { reason: 'lunch' });
    await approve(wait);
    await world().developer.command(runId, 'resume', { reason: 'back' });
    await world().api.reaches(runId, 'succeeded');
    const receipts = await receiptsOf(runId);
    expect(receipts.chain.map(({ type }) => type)).toEqual([
      'run.created',
      'hold.placed',
      'wait.resolved',
      'hold.released',
    ]);
    expect(receipts.chain[2]?.data).toMatchObject({
      waitId: wait.id,
      resolution: {
        outcome: 'approve',
        by: { type: 'principal', name: 'operator' },
        role: 'operator',
        reason: 'fine',
        policy: 'always',
        digestSeen: wait.digest,
        digest: wait.digest,
        via: 'native',
      },
    });
    expect(receipts.run).toMatchObject({ id: runId, status: 'succeeded' });
    const keys = await world().viewer.call<{ data: Receipts['key'][] }>('GET', '/v1/receipts/keys');
    expect(keys.data).toContainEqual(receipts.key);
    expect(verdictOf(receipts, receipts.key.publicKey)).toBe('holds');
    const changed = structuredClone(receipts);
    changed.run.status = 'cancelled';
    expect(verdictOf(changed)).toContain('signature');
  });

  verifies(['receipts.tampered'], async () => {
    const { runId, wait } = await waitingRun(world());
    await approve(wait);
    await world().api.reaches(runId, 'succeeded');
    const { sql } = world().database;
    const [row] = await sql<{ text: string }[]>`
      select data::text as text from events where run_id = ${runId} and type = 'wait.resolved'`;
    const original = row?.text ?? '';
    const put = async (text: string): Promise<void> => {
      await sql`update events set data = ${text}::text::json where run_id = ${runId} and type = 'wait.resolved'`;
    };
    await put(original.replace('fine', 'fake'));
    expect(verdictOf(await receiptsOf(runId))).toContain('the head is not the last link');
    await put(original);
    expect(verdictOf(await receiptsOf(runId))).toBe('holds');
  });

  verifies(['receipts.fork'], async () => {
    const { runId, wait } = await waitingRun(world());
    await world().operator.command(runId, 'pause', { reason: 'look' });
    const original = await receiptsOf(runId);
    const fork = await world().developer.fork(runId, { reason: 'try' });
    await world().api.reaches(fork.id, 'waiting');
    await approve(only(await world().api.openWaits(fork.id)));
    await world().api.reaches(fork.id, 'succeeded');
    const receipts = await receiptsOf(fork.id);
    expect(verdictOf(receipts)).toBe('holds');
    expect(receipts.chain[0]?.data).toMatchObject({
      runId: fork.id,
      forkedFrom: { runId, receipts: original.head },
    });
    expect(receipts.chain.slice(1).every(({ seq }) => seq > (fork.forkedFrom?.seq ?? Infinity))).toBe(true);
    expect((await receiptsOf(runId)).chain).toEqual(original.chain);
    expect(wait.state).toBe('open');
    await world().api.command(runId, 'cancel');
  });

  verifies(['receipts.keys'], async () => {
    const other = await world().addServer({ FERMATA_RECEIPT_KEY: OTHER_SEED });
    const { runId } = await waitingRun(world());
    await world().api.command(runId, 'cancel', { reason: 'no' });
    const mine = await receiptsOf(runId);
    const theirs = await world().viewer.at(other.url).call<Receipts>('GET', `/v1/runs/${runId}/receipts`);
    expect(theirs.chain).toEqual(mine.chain);
    expect(theirs.key.id).not.toBe(mine.key.id);
    expect([verdictOf(mine), verdictOf(theirs)]).toEqual(['holds', 'holds']);
    const keys = await world().viewer.call<{ data: Receipts['key'][] }>('GET', '/v1/receipts/keys');
    expect(keys.data).toEqual(expect.arrayContaining([mine.key, theirs.key]));
  });
});
