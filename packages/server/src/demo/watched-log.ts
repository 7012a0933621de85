import { type EventOf, type EventType, type RunEvent } from '@fermata/protocol';
import { check } from './demo-error.ts';

/** The events that the demo has been streamed, over all its connections. */
export class WatchedLog {
  readonly #events: RunEvent[] = [];

  /** Takes the next event; throws `DemoError` when one came twice or was left out. */
  take(event: RunEvent): void {
    const first = event.type === 'message.delta' ? (event.data.from ?? event.seq) : event.seq;
    check(first === this.lastSeq + 1, `after seq ${this.lastSeq} comes the next`, first);
    this.#events.push(event);
  }

  get lastSeq(): number {
    return this.#events.at(-1)?.seq ?? 0;
  }

  get events(): readonly RunEvent[] {
    return this.#events;
  }

  /** The event after this seq. */
  after(seq: number): RunEvent | undefined {
    return this.#events.find((event) => event.seq > seq);
  }

  /** The only event of its type. Throws `DemoError` when there is another number of them. */
  only<T extends EventType>(type: T): EventOf<T> {
    const found = this.#events.filter((event): event is EventOf<T> => event.type === type);
    const [event] = found;
    check(found.length === 1 && event !== undefined, `the log has one ${type}`, found.length);
    // Just checked.
    return event as EventOf<T>;
  }

  /** Checks that the streamed text of each turn is the text that was committed in its end. */
  checkTexts(): void {
    for (const event of this.#events) {
      if (event.type !== 'message.completed') continue;
      const { turn, attempt, parts } = event.data;
      const streamed = this.#events
        .filter((other): other is EventOf<'message.delta'> => other.type === 'message.delta')
        .filter(({ data }) => data.turn === turn && data.attempt === attempt && data.channel === 'text')
        .map(({ data }) => data.text)
        .join('');
      const committed = parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
      check(streamed === committed, `the streamed text of turn ${turn} is what was committed`, streamed);
    }
  }
}
