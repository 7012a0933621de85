import { describe, expect, it } from 'vitest';
import { delta, sampleLog } from '../../test/samples.ts';
import { EventPrinter } from './event-printer.ts';
import { createStyle } from './style.ts';

const admin = { type: 'principal' as const, id: 'p1', name: 'admin' };
const usage = { inputTokens: 1, outputTokens: 1, costUsd: null };

function printed(...events: Parameters<typeof sampleLog>): string {
  const printer = new EventPrinter(createStyle(false));
  return sampleLog(...events)
    .map((event) => printer.print(event))
    .join('')
    .concat(printer.finish());
}

describe('EventPrinter', () => {
  it('joins deltas and puts everything else on lines of its own', () => {
    const text = printed(
      delta('I call '),
      delta('charge.'),
      {
        type: 'message.completed',
        data: {
          turn: 1,
          attempt: 1,
          parts: [{ type: 'text', text: 'I call charge.' }],
          toolCalls: [{ callId: 'c1', providerCallId: null, tool: 'charge', args: { amount: 42 } }],
          finishReason: 'tool-calls',
          usage,
          model: 'm',
        },
      },
      { type: 'tool.completed', data: { callId: 'c1', tool: 'charge', output: { ok: true }, by: null } },
      delta('Done.', { turn: 2 }),
    );
    expect(text).toBe('I call charge.\n  → charge {"amount":42}\n  ✓ charge → {"ok":true}\nDone.\n');
  });

  it('prints the text of a message that was not streamed', () => {
    const text = printed({
      type: 'message.completed',
      data: {
        turn: 1,
        attempt: 1,
        parts: [{ type: 'text', text: 'All at once.' }],
        toolCalls: [],
        finishReason: 'stop',
        usage,
        model: 'm',
      },
    });
    expect(text).toBe('All at once.\n');
  });

  it('says that a second attempt starts over', () => {
    const text = printed(
      delta('half a th'),
      { type: 'segment.lost', data: { epoch: 1, executorId: null, deaths: 1 } },
      { type: 'turn.started', data: { turn: 1, attempt: 2, through: 3, model: 'm' } },
      delta('a whole one', { attempt: 2 }),
    );
    expect(text).toContain('half a th\nthe process');
    expect(text).toContain('attempt 2: what was said before is void\na whole one\n');
  });

  it('does not repeat what a compacted delta repeats', () => {
    expect(printed(delta('abc'), delta('abcdef', { from: 1 }))).toBe('abcdef\n');
  });

  it('shows who decided a wait, and how to decide an open one', () => {
    const text = printed(
      {
        type: 'wait.opened',
        data: {
          id: 'wait_1',
          kind: 'approval',
          prompt: 'Charge?',
          callId: 'c1',
          tool: 'charge',
          args: {},
          digest: 'd',
          schema: null,
          childRunId: null,
          approvers: null,
          assignee: null,
          deadline: [],
          deadlineAt: null,
          onExpire: 'continue',
        },
      },
      {
        type: 'wait.resolved',
        data: {
          waitId: 'wait_1',
          callId: 'c1',
          resolution: {
            outcome: 'approve',
            value: null,
            editedArgs: null,
            reason: 'fine',
            by: admin,
            at: 't',
            digestSeen: 'd',
            digest: 'd',
            via: 'native',
            remember: null,
          },
        },
      },
    );
    expect(text).toContain('waiting: approval wait_1  Charge?\n    fermata waits approve wait_1\n');
    expect(text).toContain('approve: fine by admin via native');
  });

  it('lets no escape sequence of a model reach the terminal', () => {
    const text = printed(delta('\u001B[2J\u202Eevil'), {
      type: 'run.failed',
      data: { by: admin, error: { code: 'x', message: '\u001B]0;t\u0007' }, output: null, summary: null },
    });
    expect(text).not.toContain('\u001B');
    expect(text).toContain('\\u001b[2J\\u202eevil');
  });

  it('is silent about types that it does not know', () => {
    const printer = new EventPrinter(createStyle(false));
    const [event] = sampleLog(delta('x'));
    expect(printer.print({ ...event, type: 'moon.risen' } as never)).toBe('');
  });
});
