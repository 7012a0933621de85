import { runChangeSchema, type StreamEndReason } from '@fermata/protocol';
import type { RunChange } from '../../../engine/facade.ts';
import { EngineError } from '../../../engine/errors.ts';
import { defineOperation } from '../../../http/route.ts';
import { sseFrame } from '../../../http/sse.ts';
import { nativeStream } from '../frames.ts';

export const watchChanges = defineOperation({
  operationId: 'watchChanges',
  method: 'GET',
  path: '/changes',
  tag: 'Events',
  role: 'viewer',
  summary: 'Watch which runs change',
  description:
    'A stream of `event: run.changed`, coalesced and best effort: a hint to fetch a run again. Needs `Accept: text/event-stream`.',
  replies: { 200: { description: 'The stream', stream: runChangeSchema } },
  errors: ['not_supported'],
  handle: async ({ engine, caller, wantsStream, streamSignal }) => {
    if (!wantsStream) throw new EngineError('not_supported', 'Ask with Accept: text/event-stream.');
    const signal = streamSignal();
    return { status: 200, stream: nativeStream(changeFrames(engine.events.changes(caller, signal))) };
  },
});

async function* changeFrames(
  changes: AsyncIterable<RunChange[] | null>,
): AsyncGenerator<readonly string[], StreamEndReason | null, void> {
  for await (const batch of changes) {
    if (batch !== null) yield batch.map((change) => sseFrame('run.changed', change));
  }
  return null;
}
