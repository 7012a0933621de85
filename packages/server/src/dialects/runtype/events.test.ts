import type { EventData, EventType, RunEvent } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { createEncoder } from './events.ts';
import { frameText, type Frame } from './frame.ts';

const RUN = '01890000-0000-7000-8000-000000000000';
const by = { type: 'principal' as const, id: 'p', name: 'Ada' };
const usage = { inputTokens: 3, outputTokens: 2, costUsd: 0.5 };

type Told = { [T in EventType]: [T, Partial<EventData<T>>] }[EventType];

function logOf(told: readonly Told[]): RunEvent[] {
  return told.map(([type, data], index) => ({
    runId: RUN,
    seq: index + 1,
    type,
    at: new Date(1_700_000_000_000 + index * 1000).toISOString(),
    v: 1,
    data,
  })) as RunEvent[];
}

const created: Told = [
  'run.created',
  {
    agent: {
      id: 'agent_1',
      version: 1,
      name: 'Helper',
      model: 'script/inline',
      tools: [
        { type: 'client', name: 'get_cart' },
        {
          type: 'http',
          name: 'pay',
          description: 'Pays',
          http: { url: 'https://x.example', method: 'POST' },
        },
      ],
    },
    flow: null,
    face: { runtype: { clientTools: { get_cart: { name: 'get-Cart', origin: 'webmcp' } } } },
    limits: { maxTurns: 5 },
  },
];
const turn = (number: number, attempt = 1): Told => ['turn.started', { turn: number, attempt }];
const delta = (text: string, channel: 'text' | 'reasoning' = 'text', attempt = 1): Told => [
  'message.delta',
  { turn: 1, attempt, part: channel === 'text' ? 1 : 0, channel, text },
];
const completed = (text: string, calls: { callId: string; tool: string }[] = [], number = 1): Told => [
  'message.completed',
  {
    turn: number,
    attempt: 1,
    parts: text === '' ? [] : [{ type: 'text', text }],
    toolCalls: calls.map((call) => ({ ...call, providerCallId: null, args: { a: 1 } })),
    finishReason: calls.length > 0 ? 'tool-calls' : 'stop',
    usage,
    model: 'script/inline',
  },
];
const opened = (
  kind: 'approval' | 'tool_output' | 'in_doubt' | 'timer',
  callId: string,
  tool: string,
): Told => [
  'wait.opened',
  { id: `wait_${callId}`, kind, callId, tool, args: { a: 1 }, prompt: '?', schema: null, deadlineAt: null },
];
const resolved = (
  callId: string,
  outcome: string,
  who: typeof by | { type: 'system'; id: string; name: string } = by,
): Told => [
  'wait.resolved',
  {
    waitId: `wait_${callId}`,
    callId,
    resolution: {
      outcome,
      value: null,
      editedArgs: null,
      reason: null,
      by: who,
      at: '2026-01-01T00:00:00.000Z',
      digestSeen: null,
      digest: null,
      via: 'runtype',
      remember: null,
    },
  },
];
const done: Told = ['turn.completed', { turn: 1 }];
const succeeded: Told = ['run.succeeded', { by, output: 'Bye', summary: null }];
const started = (callId: string, tool: string, attempt = 1): Told => [
  'tool.started',
  { callId, tool, attempt, turn: 1 },
];

function encode(told: readonly Told[]): Frame[] {
  const encoder = createEncoder(RUN);
  return logOf(told).flatMap((event) => encoder.encode(event));
}

const types = (frames: readonly Frame[]): string[] => frames.map(({ type }) => type);

describe('the canonical orders', () => {
  const head = ['execution_start', 'turn_start'];
  const words = ['text_start', 'text_delta', 'text_complete'];

  it.each<[string, Told[], string[]]>([
    [
      'text',
      [created, turn(1), delta('Hi'), completed('Hi'), done, succeeded],
      [...head, ...words, 'turn_complete', 'execution_complete'],
    ],
    [
      'a tool of the server',
      [
        created,
        turn(1),
        delta('Hi'),
        completed('Hi', [{ callId: 'c1', tool: 'pay' }]),
        started('c1', 'pay'),
        ['tool.output', { callId: 'c1', text: 'x' }],
        ['tool.completed', { callId: 'c1', tool: 'pay', output: 1 }],
        done,
        turn(2),
      ],
      [...head, ...words, 'tool_start', 'tool_output_delta', 'tool_complete', 'turn_complete', 'turn_start'],
    ],
    [
      'a tool of the page',
      [
        created,
        turn(1),
        completed('', [{ callId: 'c1', tool: 'get_cart' }]),
        opened('tool_output', 'c1', 'get_cart'),
        ['run.waiting', { waitIds: ['wait_c1'] }],
        resolved('c1', 'output'),
        ['tool.completed', { callId: 'c1', tool: 'get_cart', output: 1 }],
        done,
        turn(2),
      ],
      [...head, 'tool_start', 'await', 'turn_start'],
    ],
    [
      'an approval that is given',
      [
        created,
        turn(1),
        completed('', [{ callId: 'c1', tool: 'pay' }]),
        opened('approval', 'c1', 'pay'),
        resolved('c1', 'approve'),
        started('c1', 'pay'),
        ['tool.completed', { callId: 'c1', tool: 'pay', output: 1 }],
        done,
        turn(2),
      ],
      [...head, 'approval_start', 'approval_complete', 'tool_start', 'tool_complete', 'turn_start'],
    ],
    [
      'an approval that is denied',
      [
        created,
        turn(1),
        completed('', [{ callId: 'c1', tool: 'pay' }]),
        opened('approval', 'c1', 'pay'),
        resolved('c1', 'deny'),
        ['tool.denied', { callId: 'c1', tool: 'pay', reason: 'no', by, outcome: 'denied' }],
        done,
        turn(2),
      ],
      [...head, 'approval_start', 'approval_complete', 'turn_start'],
    ],
    [
      'an attempt that fails and is made again',
      [
        created,
        turn(1),
        delta('Hel'),
        ['turn.failed', { turn: 1, attempt: 1, error: { code: 'x', message: 'y' }, retryAfterMs: 10 }],
        turn(1, 2),
        delta('Hello', 'text', 2),
        completed('Hello'),
        done,
        succeeded,
      ],
      [
        ...head,
        'text_start',
        'text_delta',
        'error',
        'text_delta',
        'text_complete',
        'turn_complete',
        'execution_complete',
      ],
    ],
    [
      'thoughts before words',
      [created, turn(1), delta('Hm', 'reasoning'), delta('Hi'), completed('Hi'), done, succeeded],
      [
        ...head,
        'reasoning_start',
        'reasoning_delta',
        'reasoning_complete',
        ...words,
        'turn_complete',
        'execution_complete',
      ],
    ],
    [
      'a failure in the middle of words',
      [
        created,
        turn(1),
        delta('Hi'),
        ['run.failed', { by, error: { code: 'provider_failed', message: 'down' }, output: null }],
      ],
      [...head, ...words, 'execution_error'],
    ],
  ])('%s', (_name, told, expected) => {
    expect(types(encode(told))).toEqual(expected);
  });

  it('end with the reason where a limit has ended the run', () => {
    for (const [code, stopReason] of [
      ['max_turns', 'max_turns'],
      ['budget_exhausted', 'max_cost'],
      ['timed_out', 'timeout'],
    ] as const) {
      const last = encode([created, ['run.failed', { by, error: { code, message: '' }, output: null }]]).at(
        -1,
      );
      expect(last).toMatchObject({ type: 'execution_complete', success: true, stopReason });
    }
    const cancelled = encode([
      created,
      ['run.cancelled', { by, reason: 'enough', checkpoint: null, wasPaused: false }],
    ]);
    expect(cancelled.at(-1)).toMatchObject({
      type: 'execution_error',
      error: { code: 'CANCELLED', message: 'enough' },
    });
  });

  it('tell of a decision that a ladder has made as of a time-out', () => {
    const sweep = { type: 'system' as const, id: 'sweep', name: 'Fermata (sweep)' };
    const told = [
      created,
      turn(1),
      completed('', [{ callId: 'c1', tool: 'get_cart' }]),
      opened('approval', 'c1', 'get_cart'),
    ];
    expect(encode([...told, resolved('c1', 'deny', sweep)]).at(-1)).toMatchObject({
      decision: 'timeout',
      resolvedBy: 'system',
    });
  });
});

describe('a reader that comes in later', () => {
  it('is told of calls and words in flight before they go on', () => {
    const encoder = createEncoder(RUN);
    const told = [created, turn(1), completed('', [{ callId: 'c1', tool: 'pay' }]), started('c1', 'pay')];
    for (const event of logOf(told)) encoder.encode(event);
    expect(types(encoder.resumed(0))).toEqual(['execution_start', 'tool_start']);
    const words = createEncoder(RUN);
    for (const event of logOf([created, turn(1), delta('Hel')])) words.encode(event);
    expect(types(words.resumed(0))).toEqual(['execution_start', 'text_start']);
  });

  it('has what is still asked for', () => {
    const encoder = createEncoder(RUN);
    const told = [
      created,
      turn(1),
      completed('', [
        { callId: 'c1', tool: 'get_cart' },
        { callId: 'c2', tool: 'get_cart' },
      ]),
      opened('tool_output', 'c1', 'get_cart'),
      opened('tool_output', 'c2', 'get_cart'),
      resolved('c1', 'output'),
    ];
    for (const event of logOf(told)) encoder.encode(event);
    expect(encoder.pending(7).map(({ frame }) => [frame['toolCallId'], frame.seq])).toEqual([['c2', 7]]);
    expect(encoder.pending(null).map(({ frame }) => frame.seq)).toEqual([501]);
  });
});

describe('a frame', () => {
  it('is LF only, with its type twice and its id', () => {
    const [start] = encode([created]);
    expect(start).toBeDefined();
    if (start === undefined) return;
    const text = frameText(start);
    expect(text).toMatch(
      /^id: 1\.0\nevent: execution_start\ndata: \{"type":"execution_start","executionId":"exec_/,
    );
    expect(text.endsWith('}\n\n')).toBe(true);
    expect(text).not.toContain('\r');
  });
});
