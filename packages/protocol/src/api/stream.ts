import { z } from 'zod';

/** How a stream may be told to end. `parked`: paused, waiting or ended, and nothing due. */
export const untilSchema = z
  .enum(['finished', 'parked'])
  .describe('End the stream when the run has ended (finished) or needs something from outside (parked)');
export type Until = z.infer<typeof untilSchema>;

/** The data of the last frame of every stream, `event: stream.end`. After it a client must close. */
export const streamEndSchema = z
  .object({
    reason: z
      .enum(['finished', 'parked', 'slow_reader', 'draining', 'unauthorized'])
      .describe(
        'finished, parked: as asked by until. slow_reader: the reader could not keep up. draining: the server stops. unauthorized: the key is no longer valid. The last three: go on elsewhere with Last-Event-ID',
      ),
  })
  .meta({ id: 'StreamEnd' })
  .describe('Why the stream ended');
export type StreamEnd = z.infer<typeof streamEndSchema>;
export type StreamEndReason = StreamEnd['reason'];
