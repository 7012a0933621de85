import { describe, expect, it } from 'vitest';
import type { CommitRequest, CommitResult } from '../engine/commit.ts';
import { EngineError } from '../engine/errors.ts';
import type { PendingOutbox } from '../engine/ports.ts';
import { createLogger } from '../observe/log.ts';
import { OutboxDelivery } from './outbox-delivery.ts';

const COMMAND = {
  type: 'treeCancel',
  parentId: 'p',
  by: { type: 'system', id: 'a', name: 'a' },
  reason: 'r',
};

interface Bench {
  delivery: OutboxDelivery;
  rows: PendingOutbox[];
  /** Ids in the order in which their commits began. */
  begun: number[];
  done: number[];
  reads: string[][];
  logged: string[];
}

/** `commit` may refuse, fail, or wait; a row that it accepts or refuses is gone, as in the store. */
function bench(rows: PendingOutbox[], commit: (id: number) => void | Promise<void> = () => undefined): Bench {
  const [begun, done, reads, logged] = [[] as number[], [] as number[], [] as string[][], [] as string[]];
  const delivery = new OutboxDelivery({
    committer: {
      async commit(request: CommitRequest): Promise<CommitResult> {
        const id = 'create' in request ? 0 : (request.outboxId ?? 0);
        begun.push(id);
        const drop = (): void => void rows.splice(0, rows.length, ...rows.filter((row) => row.id !== id));
        try {
          await commit(id);
        } catch (error) {
          if (error instanceof EngineError && error.code === 'invalid_transition') drop();
          throw error;
        }
        drop();
        done.push(id);
        return {} as CommitResult;
      },
    },
    reads: {
      outboxOf: async (runIds) => {
        reads.push([...runIds]);
        return rows.filter((row) => runIds.includes(row.runId));
      },
    },
    logger: createLogger({ level: 'debug', destination: { write: (line) => void logged.push(line) } }),
  });
  return { delivery, rows, begun, done, reads, logged };
}

const row = (id: number, runId: string, command: PendingOutbox['command'] = COMMAND): PendingOutbox => ({
  id,
  runId,
  senderId: 's',
  senderSeq: id,
  command,
});

async function settled(delivery: OutboxDelivery): Promise<void> {
  for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
  await delivery[Symbol.asyncDispose]();
}

describe('what is left for other runs', () => {
  it('is applied in order on each receiver, and side by side on different ones', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { delivery, begun, done, reads } = bench([row(1, 'a'), row(2, 'b'), row(3, 'a')], (id) =>
      id === 1 ? gate : undefined,
    );
    delivery.deliver(['a']);
    delivery.deliver(['b', 'a']);
    for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([begun, done]).toEqual([[1, 2], [2]]);
    release();
    await settled(delivery);
    expect(done).toEqual([2, 1, 3]);
    expect(reads).toEqual([['a', 'b']]);
  });

  it('for a receiver that is busy is looked for again afterwards', async () => {
    const { delivery, rows, done } = bench([row(1, 'a')], (id) => {
      if (id === 1) {
        rows.push(row(2, 'a'));
        delivery.deliver(['a']);
      }
    });
    delivery.deliver(['a']);
    await settled(delivery);
    expect(done).toEqual([1, 2]);
  });

  it('and is refused there, is logged and does not stop what comes after it', async () => {
    const { delivery, done, logged } = bench([row(1, 'a'), row(2, 'a')], (id) => {
      if (id === 1) throw new EngineError('invalid_transition', 'it has ended');
    });
    delivery.deliver(['a']);
    await settled(delivery);
    expect(done).toEqual([2]);
    expect(logged.join('')).toContain('was refused, and dropped');
  });

  it('and cannot be applied now, keeps what comes after it waiting for the next time', async () => {
    let isDown = true;
    const { delivery, begun, done } = bench([row(1, 'a'), row(2, 'a')], () => {
      if (isDown) throw new EngineError('unavailable', 'no database');
    });
    delivery.deliver(['a']);
    for (let n = 0; n < 10; n += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([begun, done]).toEqual([[1], []]);
    isDown = false;
    delivery.deliver(['a']);
    await settled(delivery);
    expect(done).toEqual([1, 2]);
  });

  it('by a newer version is left to a newer process', async () => {
    const { delivery, begun } = bench([row(1, 'a', { type: 'somethingNew' }), row(2, 'a')]);
    delivery.deliver(['a']);
    await settled(delivery);
    expect(begun).toEqual([]);
  });

  it('is begun no more once the process ends', async () => {
    const { delivery, begun } = bench([row(1, 'a')]);
    await delivery[Symbol.asyncDispose]();
    delivery.deliver(['a']);
    await settled(delivery);
    expect(begun).toEqual([]);
  });
});
