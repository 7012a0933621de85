import { describe, expect, it } from 'vitest';
import { sseFrame, wantsEventStream } from './sse.ts';

describe('sseFrame', () => {
  it('keeps text with line ends on one data line', () => {
    expect(sseFrame('note', { text: 'a\nb\r\nc\u2028d' }, 7)).toBe(
      `id: 7\nevent: note\ndata: ${JSON.stringify({ text: 'a\nb\r\nc\u2028d' })}\n\n`,
    );
    expect(sseFrame('x', null)).toBe('event: x\ndata: null\n\n');
  });
});

describe('wantsEventStream', () => {
  it('prefers what the request prefers, and JSON when it does not say', () => {
    const cases: [string | undefined, boolean][] = [
      [undefined, false],
      ['*/*', false],
      ['application/json', false],
      ['text/event-stream', true],
      ['Text/Event-Stream; charset=utf-8', true],
      ['text/event-stream, */*', true],
      ['text/event-stream;q=0', false],
      ['application/json, text/event-stream', false],
      ['text/event-stream, application/json', true],
      ['application/json;q=0.5, text/event-stream', true],
      ['application/json, text/event-stream;q=0.9', false],
    ];
    for (const [accept, expected] of cases) expect(wantsEventStream(accept), accept).toBe(expected);
  });
});
