import { EVENT_VERSION, type Json, type NewEvent, type RunEvent } from '@fermata/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  foldTranscript,
  transcriptFromJson,
  transcriptPage,
  transcriptToJson,
  type Transcript,
} from './fold.ts';
import { UnknownEvent } from './known-event.ts';

const by = { type: 'principal' as const, id: 'p1', name: 'Ada' };
const usage = { inputTokens: 1, outputTokens: 1, costUsd: 0 };

function log(events: readonly NewEvent[]): RunEvent[] {
  return events.map((event, index) => ({
    ...event,
    runId: 'run',
    seq: index + 1,
    at: `2026-01-02T03:04:05.${String(index % 1000).padStart(3, '0')}Z`,
    v: EVENT_VERSION,
  })) as RunEvent[];
}

function created(input: Json): NewEvent {
  return {
    type: 'run.created',
    data: {
      number: 1,
      organizationId: 1,
      by,
      key: null,
      mode: 'managed',
      kind: 'agent',
      origin: 'native',
      agent: null,
      flow: null,
      title: null,
      sessionId: null,
      missionId: null,
      parent: null,
      forkedFrom: null,
      input,
      limits: {},
      onLimit: 'pause',
      onProviderFailure: 'fail',
      metadata: {},
      face: null,
      startAt: null,
      traceparent: null,
    },
  };
}

function received(text: string, more: { history?: boolean; role?: 'user' | 'assistant' } = {}): NewEvent {
  const { role = 'user', ...rest } = more;
  return {
    type: 'message.received',
    data: { messageId: null, role, parts: [{ type: 'text', text }], by, ...rest },
  };
}

function turnStarted(turn: number, through: number, attempt = 1): NewEvent {
  return { type: 'turn.started', data: { turn, attempt, through, model: 'script/echo' } };
}

function answered(turn: number, text: string, callIds: string[] = []): NewEvent {
  return {
    type: 'message.completed',
    data: {
      turn,
      attempt: 1,
      parts: [{ type: 'text', text }],
      toolCalls: callIds.map((callId) => ({
        callId,
        providerCallId: null,
        tool: 'send',
        args: { to: callId },
      })),
      finishReason: 'stop',
      usage,
      model: 'script/echo',
    },
  };
}

function toolStarted(callId: string, attempt = 1): NewEvent {
  return {
    type: 'tool.started',
    data: { turn: 1, callId, tool: 'send', attempt, idempotencyKey: `run:1:${callId}`, digest: null },
  };
}

function toolCompleted(callId: string, output: Json, late?: boolean): NewEvent {
  return {
    type: 'tool.completed',
    data: { callId, tool: 'send', output, by: null, ...(late === undefined ? {} : { late }) },
  };
}

function waitOpened(callId: string): NewEvent {
  return {
    type: 'wait.opened',
    data: {
      id: `wait_${callId}`,
      kind: 'approval',
      prompt: 'May I?',
      callId,
      tool: 'send',
      args: { to: callId },
      digest: 'd',
      schema: null,
      childRunId: null,
      approvers: null,
      assignee: null,
      deadline: [],
      deadlineAt: null,
      onExpire: 'continue',
    },
  };
}

function waitResolved(callId: string, outcome: string, editedArgs: Json | null = null): NewEvent {
  return {
    type: 'wait.resolved',
    data: {
      waitId: `wait_${callId}`,
      callId,
      resolution: {
        outcome,
        value: null,
        editedArgs,
        reason: null,
        by,
        at: '2026-01-02T03:04:05.000Z',
        digestSeen: 'd',
        digest: 'd',
        via: 'native',
        remember: null,
      },
    },
  };
}

const lost: NewEvent = { type: 'segment.lost', data: { epoch: 1, executorId: null, deaths: 1 } };

function texts(transcript: Transcript): string[] {
  return transcript.messages.map(
    (message) =>
      `${message.role}: ${message.parts.map((part) => ('text' in part ? part.text : '')).join('')}`,
  );
}

describe('the transcript', () => {
  it('begins with the input, after what the session said before', () => {
    const events = log([
      created({ messages: [{ role: 'system', content: 'Be kind.' }, { content: 'hello' }] }),
      received('earlier', { history: true }),
      received('earlier answer', { history: true, role: 'assistant' }),
      received('and another thing'),
    ]);
    expect(texts(foldTranscript(events))).toEqual([
      'user: earlier',
      'assistant: earlier answer',
      'system: Be kind.',
      'user: hello',
      'user: and another thing',
    ]);
  });

  it('puts a message that came while the model was answering behind that answer', () => {
    const events = log([
      created('hello'),
      turnStarted(1, 1),
      received('wait, one more thing'),
      answered(1, 'hello yourself'),
      turnStarted(2, 4),
      answered(2, 'which thing?'),
    ]);
    expect(texts(foldTranscript(events))).toEqual([
      'user: hello',
      'assistant: hello yourself',
      'user: wait, one more thing',
      'assistant: which thing?',
    ]);
  });

  it('follows a call from the approval with edited arguments to its result', () => {
    const events = log([created('go'), turnStarted(1, 1), answered(1, '', ['a', 'b']), waitOpened('a')]);
    const transcript = foldTranscript(events);
    const states = (): unknown =>
      transcript.messages[1]?.calls.map((call) => [call.state, call.approved, call.attempt, call.output]);
    expect(states()).toEqual([
      ['waiting', false, 0, null],
      ['ready', false, 0, null],
    ]);
    const rest = log([
      ...events,
      waitResolved('a', 'approve', { to: 'c' }),
      toolStarted('a'),
      toolCompleted('a', 'sent'),
      {
        type: 'tool.denied',
        data: { callId: 'b', tool: 'send', reason: 'too late', by, outcome: 'expired' },
      },
    ]);
    foldTranscript(rest, transcript);
    expect(states()).toEqual([
      ['completed', true, 1, 'sent'],
      ['denied', false, 0, null],
    ]);
    expect(transcript.messages[1]?.calls[0]).toMatchObject({ args: { to: 'a' }, editedArgs: { to: 'c' } });
    expect(transcript.messages[1]?.calls[1]?.error).toEqual({ code: 'expired', message: 'too late' });
  });

  it('keeps the arguments of an approver when the call is asked for again and approved as it was shown', () => {
    const transcript = foldTranscript(
      log([
        created('go'),
        answered(1, '', ['a']),
        waitResolved('a', 'approve', { to: 'c' }),
        waitResolved('a', 'approve'),
      ]),
    );
    expect(transcript.messages[1]?.calls[0]).toMatchObject({ editedArgs: { to: 'c' }, approved: true });
  });

  it('puts running calls in doubt when their segment is lost, and takes no late outcome', () => {
    const events = log([
      created('go'),
      answered(1, '', ['a', 'b']),
      toolStarted('a'),
      toolStarted('b'),
      toolCompleted('b', 1),
      lost,
      toolCompleted('a', 2, true),
    ]);
    const calls = foldTranscript(events).messages[1]?.calls;
    expect(calls?.map((call) => [call.state, call.output])).toEqual([
      ['in_doubt', null],
      ['completed', 1],
    ]);
  });

  it('refuses an event of an unknown type or a newer version', () => {
    const [first] = log([created('go')]) as [RunEvent];
    expect(() => foldTranscript([{ ...first, v: EVENT_VERSION + 1 }])).toThrow(UnknownEvent);
    expect(() => foldTranscript([{ ...first, type: 'run.teleported' } as unknown as RunEvent])).toThrow(
      UnknownEvent,
    );
    expect(() => foldTranscript([{ ...first, type: 'toString' } as unknown as RunEvent])).toThrow(
      UnknownEvent,
    );
  });

  it('is the same from a snapshot at any place as from the beginning', () => {
    const callId = fc.constantFrom('a', 'b', 'c');
    const text = fc.string({ maxLength: 8 });
    const event: fc.Arbitrary<NewEvent> = fc.oneof(
      fc.tuple(text, fc.boolean()).map(([said, history]) => received(said, { history })),
      fc.tuple(fc.nat(5), fc.nat(30)).map(([turn, through]) => turnStarted(turn + 1, through)),
      fc
        .tuple(fc.nat(5), text, fc.subarray(['a', 'b', 'c']))
        .map(([turn, said, ids]) => answered(turn + 1, said, ids)),
      fc.tuple(callId, fc.integer({ min: 1, max: 3 })).map(([id, attempt]) => toolStarted(id, attempt)),
      fc
        .tuple(callId, fc.jsonValue(), fc.boolean())
        .map(([id, output, late]) => toolCompleted(id, output as Json, late)),
      callId.map((id): NewEvent => ({
        type: 'tool.failed',
        data: { callId: id, tool: 'send', error: { code: 'tool_failed', message: 'no' }, by: null },
      })),
      callId.map(waitOpened),
      fc
        .tuple(callId, fc.constantFrom('approve', 'deny', 'retry'))
        .map(([id, outcome]) => waitResolved(id, outcome)),
      fc.constant(lost),
      fc.constant<NewEvent>({ type: 'segment.returned', data: { reason: 'drain' } }),
      fc.constant<NewEvent>({
        type: 'message.delta',
        data: { turn: 1, attempt: 1, part: 0, channel: 'text', text: 'x' },
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(event, { maxLength: 40 }), fc.nat(40), (input, drawn, place) => {
        const whole = log([created(input as Json), ...drawn.filter(asksForNewCalls())]);
        const expected = foldTranscript(whole);
        const prefix = foldTranscript(whole.slice(0, place));
        const kept = JSON.parse(JSON.stringify(transcriptToJson(prefix))) as Json;
        const resumed = foldTranscript(whole.slice(place), transcriptFromJson(prefix.seq, kept));
        expect(JSON.parse(JSON.stringify(resumed.messages))).toEqual(
          JSON.parse(JSON.stringify(expected.messages)),
        );
        expect({ ...resumed, messages: [], calls: [...resumed.calls.keys()].sort() }).toEqual({
          ...expected,
          messages: [],
          calls: [...expected.calls.keys()].sort(),
        });
      }),
      { numRuns: 300 },
    );
  });

  it('takes an event only once', () => {
    const events = log([created('hello'), received('more')]);
    expect(texts(foldTranscript([...events, ...events]))).toEqual(['user: hello', 'user: more']);
  });
});

/** The engine mints the ids of calls: no two messages of a log ask for the same one. */
function asksForNewCalls(): (event: NewEvent) => boolean {
  const known = new Set<string>();
  return ({ type, data }) => {
    if (type !== 'message.completed') return true;
    const callIds = data.toolCalls.map((call) => call.callId);
    const areNew = callIds.every((callId) => !known.has(callId));
    for (const callId of callIds) known.add(callId);
    return areNew;
  };
}

describe('a page of the transcript', () => {
  const transcript = foldTranscript(
    log([
      created({ messages: [{ content: 'one' }, { content: 'two' }] }),
      turnStarted(1, 1),
      received('three'),
      answered(1, 'four'),
      received('five'),
    ]),
  );
  const seqs = (query: { after?: number; before?: number; limit: number }): number[] =>
    transcriptPage(transcript.messages, query).data.map((message) => message.seq);

  it('goes on in the order of the conversation, and gives every message once', () => {
    for (const limit of [1, 2, 3, 10]) {
      const seen: number[] = [];
      let after: number | null = 0;
      while (after !== null) {
        const page: ReturnType<typeof transcriptPage> = transcriptPage(transcript.messages, { after, limit });
        seen.push(...page.data.map((message) => message.seq));
        after = page.nextAfter;
      }
      expect(seen).toEqual([1, 1, 4, 3, 5]);
    }
  });

  it('is bounded by seqs of messages or of anything between them', () => {
    expect(seqs({ after: 4, limit: 10 })).toEqual([3, 5]);
    expect(seqs({ before: 3, limit: 10 })).toEqual([1, 1, 4]);
    expect(seqs({ after: 2, limit: 10 })).toEqual([4, 3, 5]);
    expect(seqs({ after: 99, limit: 10 })).toEqual([]);
  });
});
