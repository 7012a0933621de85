import type { RunEvent, Until, startRunBodySchema } from '@fermata/protocol';
import { FermataError } from './errors.ts';
import type { InputOf } from './request-body.ts';
import { pauseOrThrow } from './retry.ts';
import { openConnection, type Connection, type StreamOptions } from './stream.ts';
import { newIdempotencyKey, type Transport } from './transport.ts';
import { watchRun } from './watch-run.ts';

export type StartRun = InputOf<typeof startRunBodySchema>;

export interface StartStreamOptions extends StreamOptions {
  idempotencyKey?: string | undefined;
  /** Default `parked`. */
  until?: Until | undefined;
}

/** A run that was started with its stream. Abort the signal if `events` is not to be read to its end. */
export interface StartedStream {
  runId: string;
  events: AsyncGenerator<RunEvent, void, void>;
}

/** Starts a run and streams it. Every attempt carries the same key, so that at most one run is started. */
export async function startStream(
  transport: Transport,
  body: StartRun,
  options: StartStreamOptions = {},
): Promise<StartedStream> {
  const idempotencyKey = options.idempotencyKey ?? newIdempotencyKey();
  const connection = await withRetries(transport, options, () =>
    openConnection(options, (signal) =>
      transport.stream({
        method: 'POST',
        path: '/runs',
        query: { until: options.until },
        body,
        idempotencyKey,
        signal,
      }),
    ),
  );
  const runId = connection.response.headers.get('fermata-run-id');
  if (runId === null) {
    connection.close();
    throw new FermataError({ code: 'invalid_reply', message: 'The stream does not name its run.' });
  }
  const watch = { ...options, until: options.until ?? ('parked' as const) };
  return { runId, events: watchRun(transport, runId, watch, connection) };
}

async function withRetries(
  transport: Transport,
  { signal }: StartStreamOptions,
  open: () => Promise<Connection>,
): Promise<Connection> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await open();
    } catch (error) {
      const { maxRetries, retryTimes } = transport;
      await pauseOrThrow(error, tries, { maxRetries, retryTimes, signal });
    }
  }
}
