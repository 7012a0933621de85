import { expect, it } from 'vitest';
import { stopReasonOf } from './turn-frames.ts';

it.each([
  ['stop', 'end_turn'],
  ['tool-calls', 'end_turn'],
  ['tool_calls', 'end_turn'],
  ['content-filter', 'content_filter'],
  ['content_filter', 'content_filter'],
  ['length', 'length'],
  ['error', 'error'],
  ['other', 'unknown'],
])('a model call that ended with %s stopped for %s', (finishReason, stopReason) => {
  expect(stopReasonOf(finishReason)).toBe(stopReason);
});
