import { EVENT_DATA, EVENT_VERSION, type RunEvent } from '@fermata/protocol';

/** An event of a newer version of this program: a run that has one is left to a process that knows it. */
export class UnknownEvent extends Error {
  override readonly name = 'UnknownEvent';
  readonly event: Pick<RunEvent, 'runId' | 'seq'> & { type: string; v: number };

  constructor(event: Pick<RunEvent, 'runId' | 'seq'> & { type: string; v: number }) {
    super(
      `event ${event.seq} of run ${event.runId} is of unknown type or version: ${event.type} v${event.v}`,
    );
    const { runId, seq, type, v } = event;
    this.event = { runId, seq, type, v };
  }
}

/**
 * The stored event as the present version understands it: the one place where data of an old `v` is lifted.
 * @throws UnknownEvent for a type that is not in the list, or a newer `v`
 */
export function knownEvent(event: RunEvent): RunEvent {
  if (event.v > EVENT_VERSION || !Object.hasOwn(EVENT_DATA, event.type)) throw new UnknownEvent(event);
  return event;
}
