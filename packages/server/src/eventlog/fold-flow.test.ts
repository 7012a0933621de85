import { EVENT_VERSION, type NewEvent, type RunEvent } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { progressOf } from './fold-flow.ts';
import { foldTranscript, transcriptFromJson, transcriptToJson } from './fold.ts';

const by = { type: 'principal' as const, id: 'p1', name: 'Ada' };
const AT = '2026-01-02T03:04:05.000Z';
const call = { callId: 'c1', providerCallId: null, tool: 'http_request', args: { q: 1 } };
const error = { code: 'tool_failed', message: 'no' };

function log(...events: NewEvent[]): RunEvent[] {
  return [CREATED, ...events].map((event, index) => ({
    ...event,
    runId: 'run',
    seq: index + 1,
    at: AT,
    v: EVENT_VERSION,
  })) as RunEvent[];
}

const CREATED: NewEvent = {
  type: 'run.created',
  data: {
    number: 1,
    organizationId: 1,
    by,
    key: null,
    mode: 'managed',
    kind: 'flow',
    origin: 'native',
    agent: null,
    flow: { id: null, name: 'flow', version: null, steps: [] },
    title: null,
    sessionId: null,
    missionId: null,
    parent: null,
    forkedFrom: null,
    input: 'hello',
    limits: {},
    onLimit: 'pause',
    onProviderFailure: 'fail',
    metadata: {},
    face: null,
    startAt: null,
    traceparent: null,
  },
};

const started = (attempt = 1): NewEvent => ({
  type: 'step.started',
  data: {
    stepId: 's1',
    attempt,
    input: { q: 1 },
    call: { ...call, callId: `c${attempt}` },
    unresolved: ['x'],
  },
});
const completed: NewEvent = { type: 'step.completed', data: { stepId: 's1', output: 7, next: null } };
const failed = (retryAfterMs: number | null, next?: null): NewEvent => ({
  type: 'step.failed',
  data: { stepId: 's1', attempt: 1, error, retryAfterMs, ...(next === undefined ? {} : { next }) },
});

describe('the fold of a flow', () => {
  it('has a step’s call until the step is over, beside the messages', () => {
    const open = foldTranscript(log(started()));
    expect(open.calls.get('c1')).toMatchObject({ state: 'ready', args: { q: 1 } });
    expect(open.messages).toHaveLength(1);
    expect(open.flow?.steps).toMatchObject([{ id: 's1', attempt: 1, outcome: null, unresolved: ['x'] }]);
    const over = foldTranscript(log(started(), completed));
    expect(over.calls.size).toBe(0);
    expect(over.flow?.steps).toMatchObject([{ outcome: 'completed', output: 7, call: null }]);
    expect(over.flow === null ? null : [...progressOf(over.flow)]).toEqual([
      ['s1', { outcome: 'completed', output: 7 }],
    ]);
  });

  it('gives the call its result, whether it comes in the same part of the log or after a snapshot', () => {
    const result: NewEvent = {
      type: 'tool.completed',
      data: { callId: 'c1', tool: 'http_request', output: { ok: true }, by: null },
    };
    const events = log(started(), result);
    const whole = foldTranscript(events);
    const first = foldTranscript(events.slice(0, 2));
    const kept = transcriptFromJson(first.seq, JSON.parse(JSON.stringify(transcriptToJson(first))));
    const rest = foldTranscript(events.slice(2), kept);
    expect(rest).toEqual(whole);
    expect(whole.flow?.steps[0]?.call).toMatchObject({ state: 'completed', output: { ok: true } });
    expect(rest.flow?.steps[0]?.call).toBe(rest.calls.get('c1'));
  });

  it('counts failed attempts until the run is reopened, and says when the next is due', () => {
    const reopened: NewEvent = {
      type: 'run.reopened',
      data: { by, reason: null, via: 'retry', deadlineDropped: false },
    };
    const events = log(started(), failed(1_500), started(2), failed(null), reopened);
    expect(foldTranscript(events.slice(0, 3)).flow?.steps).toMatchObject([
      { failed: 1, outcome: null, retryAt: '2026-01-02T03:04:06.500Z', call: null },
    ]);
    expect(foldTranscript(events.slice(0, 5)).flow?.steps).toMatchObject([{ failed: 2, attempt: 2 }]);
    expect(foldTranscript(events).flow?.steps).toMatchObject([{ failed: 0, attempt: 2, outcome: null }]);
  });

  it('is over with a failure that the flow goes on after', () => {
    expect(foldTranscript(log(started(), failed(null, null))).flow?.steps).toMatchObject([
      { outcome: 'failed' },
    ]);
  });

  it('remembers from which message on nobody has read, for the model of the step', () => {
    const text = (value: string): NewEvent => ({
      type: 'message.received',
      data: { messageId: null, role: 'user', parts: [{ type: 'text', text: value }], by },
    });
    const turns: NewEvent = {
      type: 'step.started',
      data: { stepId: 's1', attempt: 1, input: null, turns: true },
    };
    const turn: NewEvent = {
      type: 'turn.started',
      data: { turn: 1, attempt: 1, through: 3, model: 'script/a' },
    };
    const again: NewEvent = {
      type: 'step.started',
      data: { stepId: 's1', attempt: 2, input: null, turns: true },
    };
    const next: NewEvent = {
      type: 'step.started',
      data: { stepId: 's2', attempt: 1, input: null, turns: true },
    };
    const steps = foldTranscript(log(text('a'), turns, turn, again, text('b'), next)).flow?.steps;
    expect(steps).toMatchObject([
      { id: 's1', since: 1, attempt: 2 },
      { id: 's2', since: 3 },
    ]);
  });
});
