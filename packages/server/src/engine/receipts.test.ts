import type { RunEvent } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { fold } from './apply.ts';
import {
  answer,
  cancel,
  completeCall,
  completeTurn,
  DIGEST,
  expire,
  message,
  note,
  pause,
  report,
  resume,
  retry,
  startCall,
  startTurn,
  update,
} from './commands.fixture.ts';
import { digestOf } from './digest.ts';
import { chained, linkHash, receiptData, RECEIPT_TYPES, type ReceiptChain } from './receipts.ts';
import {
  at,
  call,
  created,
  external,
  inTurn,
  runningRun,
  testRun,
  withCalls,
  withWaits,
} from './run.fixture.ts';

/** The chain as a stranger makes it from the log alone. */
function headOf(events: readonly RunEvent[]): string | null {
  let prev: string | null = null;
  for (const event of events) {
    const data = receiptData(event);
    if (data !== null) prev = linkHash(prev, event, data);
  }
  return prev;
}

function linksOf(events: readonly RunEvent[]): string[] {
  return events.filter((event) => receiptData(event) !== null).map((event) => event.type);
}

describe('the receipts of a run', () => {
  it('begin with its creation and hold every decision, each chained to the one before', () => {
    const run = withWaits([{ kind: 'approval' }]);
    run.commit(pause({ reason: 'lunch' }));
    run.commit(answer({ waitId: 'w1' }, { decision: 'approve', digest: DIGEST }));
    run.commit(resume());
    expect(linksOf(run.events)).toEqual(['run.created', 'hold.placed', 'wait.resolved', 'hold.released']);
    expect(run.state.receipts?.head).toBe(headOf(run.events));
    run.commit(cancel({ reason: 'enough' }));
    expect(linksOf(run.events).at(-1)).toBe('run.cancelled');
    expect(run.state.receipts?.head).toBe(headOf(run.events));
  });

  it('are the same by fold, after a JSON round trip', () => {
    const run = withWaits([{ kind: 'approval' }, { kind: 'input' }]);
    run.commit(answer({ waitId: 'w2' }, { value: { n: -0, u: 1e21 } }));
    run.commit(update({ limits: { maxTurns: 3 }, title: 'a' }));
    run.commit(update({ sealed: true }));
    const stored = JSON.parse(JSON.stringify(run.events)) as RunEvent[];
    expect(fold(stored)?.receipts).toEqual(run.state.receipts);
  });

  it('are not touched by work', () => {
    const run = runningRun();
    const before = run.state.receipts;
    run.commit(startTurn(run));
    run.commit(completeTurn(run, ['tool']));
    run.commit(startCall(call(1)));
    run.commit(completeCall(call(1)));
    run.commit(message());
    run.commit(note('k'));
    run.commit(update({ title: 'b', metadata: { a: 1 } }));
    expect(run.state.receipts).toEqual(before);
  });

  it('hold who ended a run by hand, and not the end that came by itself', () => {
    const own = inTurn();
    own.commit(completeTurn(own, []));
    expect(own.state.status).toBe('succeeded');
    expect(linksOf(own.events)).toEqual(['run.created']);
    const run = external();
    run.commit(report({ status: 'succeeded', output: { big: 'x' } }));
    expect(linksOf(run.events)).toEqual(['run.created', 'run.succeeded']);
    expect(receiptData(run.events.at(-1) as RunEvent)).toMatchObject({
      output: { sha256: digestOf({ big: 'x' }) },
      summary: null,
    });
  });

  it('hold expiry, superseding, early answers, retry and a denial', () => {
    const expired = withWaits([{ kind: 'approval', deadlineAt: at(10) }]);
    expired.seconds = 20;
    expired.commit(expire('w1'));
    expect(linksOf(expired.events)).toContain('wait.expired');
    const superseded = withWaits([{ kind: 'input' }]);
    superseded.commit(message({ onWaiting: 'supersede' }));
    expect(linksOf(superseded.events).slice(-2)).toEqual(['wait.superseded', 'tool.denied']);
    const early = withCalls(['tool']);
    early.commit(answer({ callId: call(1) }, { output: 'secret' }));
    const data = receiptData(early.events.at(-1) as RunEvent);
    expect(data).toMatchObject({
      answer: { output: { sha256: digestOf('secret') } },
      early: { role: 'operator' },
    });
    const failed = external();
    failed.commit(report({ status: 'failed' }));
    failed.commit(retry());
    expect(linksOf(failed.events).slice(-2)).toEqual(['run.failed', 'run.reopened']);
  });

  it('change with whatever of a decision changes, its place included', () => {
    const run = withWaits([{ kind: 'approval' }]);
    run.commit(pause());
    run.commit(answer({ waitId: 'w1' }, { decision: 'approve', digest: DIGEST, reason: 'fine' }));
    const head = run.state.receipts?.head;
    const index = run.events.findIndex((event) => event.type === 'wait.resolved');
    const tampered = [
      (event: RunEvent) => ({ ...event, at: at(1) }),
      (event: RunEvent) => ({ ...event, seq: event.seq + 1 }),
      (event: RunEvent) => JSON.parse(JSON.stringify(event).replace('fine', 'good')) as RunEvent,
      (event: RunEvent) => JSON.parse(JSON.stringify(event).replaceAll('"anna"', '"ben"')) as RunEvent,
      (event: RunEvent) => JSON.parse(JSON.stringify(event).replaceAll(DIGEST, 'other')) as RunEvent,
    ];
    for (const change of tampered) {
      const events = run.events.map((event, place) =>
        place === index ? (change(event) as RunEvent) : event,
      );
      expect(headOf(events)).not.toBe(head);
    }
    expect(headOf(run.events.filter((event) => event.type !== 'hold.placed'))).not.toBe(head);
  });

  it('hold without the bodies that were removed', () => {
    const run = withWaits([{ kind: 'input' }]);
    run.commit(answer({ waitId: 'w1' }, { value: { name: 'Ada' } }));
    const events = run.events.map((event) =>
      event.type === 'wait.resolved'
        ? {
            ...event,
            data: {
              ...event.data,
              resolution: { ...event.data.resolution, value: { sha256: digestOf({ name: 'Ada' }) } },
            },
          }
        : event,
    );
    expect(headOf(events)).toBe(run.state.receipts?.head);
  });

  it('are bound to their run', () => {
    const [one, other] = [testRun(), testRun({ number: 72 })];
    expect(one.state.receipts?.head).not.toBe(other.state.receipts?.head);
  });

  it('know every type of event that they may hold', () => {
    const types = new Set<string>(RECEIPT_TYPES);
    for (const build of [() => withWaits([{ kind: 'approval' }]), () => external()]) {
      const run = build();
      run.commit(pause());
      run.commit(cancel());
      expect(linksOf(run.events).filter((type) => !types.has(type))).toEqual([]);
    }
  });
});

describe('the receipts of a fork', () => {
  it('are a new chain that names the head of the old one and leaves out what was copied', () => {
    const original = withWaits([{ kind: 'approval' }]);
    original.commit(pause());
    const through = original.state.head;
    const old = original.state.receipts as ReceiptChain;
    const first: RunEvent = {
      runId: 'fork',
      seq: 1,
      type: 'run.created',
      at: at(0),
      v: 1,
      data: created({ forkedFrom: { runId: 'original', seq: through }, forkedReceipts: old.head }),
    };
    expect(receiptData(first)).toMatchObject({
      runId: 'fork',
      forkedFrom: { runId: 'original', seq: through, receipts: old.head },
    });
    let chain = chained(undefined, first);
    const begun = chain?.head;
    for (const event of original.events.slice(1)) chain = chained(chain, event);
    expect(chain).toEqual({ head: begun, after: through });
    const next = original.commit(resume()).events[0] as RunEvent;
    expect(chained(chain, next)?.head).not.toBe(begun);
  });
});
