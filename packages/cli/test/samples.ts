import type { Preview, Run, RunEvent, Wait } from '@fermata/sdk';

const admin = { type: 'principal' as const, id: 'p1', name: 'admin' };

export function sampleRun(more: Partial<Run> = {}): Run {
  return {
    id: 'r1',
    number: 1,
    key: null,
    organizationId: 1,
    createdBy: admin,
    status: 'waiting',
    statusSince: '2026-01-01T00:00:00.000Z',
    mode: 'managed',
    kind: 'agent',
    origin: 'native',
    agent: { id: null, name: 'agent', model: 'script/approval', version: null },
    flow: null,
    title: null,
    sessionId: null,
    missionId: null,
    parentId: null,
    forkedFrom: null,
    input: 'book it',
    output: null,
    summary: null,
    error: null,
    endedBy: null,
    holds: [],
    openWaits: [],
    sealed: null,
    checkpoint: null,
    head: 7,
    turn: 1,
    usage: {
      turns: 1,
      toolCalls: 0,
      inputTokens: 0,
      outputTokens: 0,
      costUsd: null,
      activeSeconds: 0,
      byModel: {},
    },
    limits: {},
    metadata: {},
    face: null,
    startAt: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    startedAt: null,
    updatedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: null,
    ...more,
  };
}

export function sampleWait(more: Partial<Wait> = {}): Wait {
  return {
    id: 'w1',
    runId: 'r1',
    kind: 'approval',
    state: 'open',
    prompt: 'Charge the card?',
    callId: 'call_1',
    tool: 'charge',
    args: { amount: 42, to: 'Ada' },
    digest: 'd'.repeat(64),
    schema: null,
    childRunId: null,
    approvers: null,
    assignee: null,
    deadline: [],
    deadlineAt: null,
    onExpire: 'continue',
    clockStopped: false,
    remainingSeconds: null,
    snoozedUntil: null,
    openedAt: '2026-01-01T00:00:00.000Z',
    resolution: null,
    ...more,
  };
}

export function samplePreview(more: Partial<Preview> = {}): Preview {
  return {
    runId: 'r1',
    changed: true,
    head: 7,
    status: 'running',
    comesTo: 'running',
    next: 'calls',
    holds: [],
    closes: [{ waitId: 'w1', callId: 'call_1', outcome: 'approve' }],
    openWaits: [],
    releases: [],
    opens: [],
    calls: [
      {
        callId: 'call_1',
        tool: 'charge',
        args: { amount: 42, to: '\u001B[31mAda' },
        digest: 'd'.repeat(64),
        outcome: 'request',
        attempt: 1,
        idempotencyKey: 'r1:1:call_1',
        afterCrash: 'ask',
        waitKind: null,
        error: null,
        checked: true,
      },
    ],
    turn: { number: 2, attempt: 1, model: 'openai/gpt-5', when: 'after_calls', messages: 1 },
    cost: { inputTokens: 900, outputTokens: 20, costUsd: 0.01234 },
    limits: [],
    error: null,
    agent: null,
    warnings: [],
    ...more,
  };
}

type TypeAndData = { [T in RunEvent['type']]: { type: T; data: Extract<RunEvent, { type: T }>['data'] } };

/** Events with the seqs 1, 2, 3 … */
export function sampleLog(...events: TypeAndData[RunEvent['type']][]): RunEvent[] {
  return events.map(
    (event, index) =>
      ({ runId: 'r1', seq: index + 1, at: '2026-01-01T00:00:00.000Z', v: 1, ...event }) as RunEvent,
  );
}

export function delta(
  text: string,
  more: { turn?: number; attempt?: number; from?: number } = {},
): TypeAndData['message.delta'] {
  const data = { turn: 1, attempt: 1, part: 0, channel: 'text' as const, text, ...more };
  return { type: 'message.delta' as const, data };
}

/** A stream of the events, and its last frame. */
export function sseText(events: readonly RunEvent[], reason: string): string {
  const frames = events.map(
    (event) => `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`,
  );
  return `${frames.join('')}event: stream.end\ndata: ${JSON.stringify({ reason })}\n\n`;
}
