import type { RunEvent } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { PaymentTarget } from './payment-target.ts';
import { WatchedLog } from './watched-log.ts';

const at = '2026-01-01T00:00:00.000Z';

function delta(seq: number, text: string, from?: number): RunEvent {
  const data = { turn: 1, attempt: 1, part: 0, channel: 'text' as const, text, ...(from && { from }) };
  return { runId: 'r', seq, type: 'message.delta', at, v: 1, data };
}

function completed(seq: number, text: string): RunEvent {
  const usage = { inputTokens: 1, outputTokens: 1, costUsd: null };
  const data = { turn: 1, attempt: 1, toolCalls: [], finishReason: 'stop', usage, model: 'm' };
  const parts = [{ type: 'text' as const, text }];
  return { runId: 'r', seq, type: 'message.completed', at, v: 1, data: { ...data, parts } };
}

describe('WatchedLog', () => {
  it('takes a dense log, also with a compacted delta', () => {
    const log = new WatchedLog();
    for (const event of [delta(1, 'a'), delta(4, 'bcd', 2), completed(5, 'abcd')]) log.take(event);
    log.checkTexts();
    expect(log.lastSeq).toBe(5);
    expect(log.after(1)?.seq).toBe(4);
  });

  it('refuses an event that comes twice or is left out', () => {
    const log = new WatchedLog();
    log.take(delta(1, 'a'));
    expect(() => log.take(delta(1, 'a'))).toThrow('after seq 1 comes the next');
    expect(() => log.take(delta(3, 'c'))).toThrow('but found 3');
  });

  it('refuses streamed text that is not what was committed', () => {
    const log = new WatchedLog();
    for (const event of [delta(1, 'a'), completed(2, 'ab')]) log.take(event);
    expect(() => log.checkTexts()).toThrow('turn 1');
  });

  it('wants exactly one event of a type', () => {
    const log = new WatchedLog();
    expect(() => log.only('tool.started')).toThrow('one tool.started');
  });
});

describe('PaymentTarget', () => {
  it('pays once for a key, however often it is asked, and not without one', async () => {
    await using target = await PaymentTarget.start();
    const pay = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`http://${target.host}/payments`, { method: 'POST', body: '{}', headers })).status;
    expect(await pay({ 'idempotency-key': 'a' })).toBe(200);
    expect(await pay({ 'idempotency-key': 'a' })).toBe(200);
    expect(await pay({})).toBe(400);
    expect(target.counts).toEqual({ requests: 3, effects: 1, keys: ['a'] });
  });
});
