import type { RunEvent } from '@fermata/protocol';

const TIME_WIDTH = 7;

/** Writes the demo's story: a time in front of each line, and what the model says as it comes. */
export class Transcript {
  readonly #write: (text: string) => void;
  readonly #startedAt = performance.now();
  readonly #isColored: boolean;
  #isLineOpen = false;

  constructor(write: (text: string) => void, isColored: boolean) {
    this.#write = write;
    this.#isColored = isColored;
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  /** One line with the time in front. */
  say(text: string): void {
    this.#close();
    const time = `${this.seconds.toFixed(2)} s`.padStart(TIME_WIDTH);
    this.#write(`${this.#paint(time, 2)}  ${text}\n`);
  }

  /** A line that matters more than the others. */
  shout(text: string): void {
    this.say(this.#paint(text, 1));
  }

  /** A line below another, without a time. */
  detail(text: string): void {
    this.#close();
    this.#write(`${' '.repeat(TIME_WIDTH)}  ${this.#paint(text, 2)}\n`);
  }

  /** A row of the summary. */
  row(name: string, value: string): void {
    this.#close();
    this.#write(`  ${name.padEnd(30)} ${value}\n`);
  }

  blank(): void {
    this.#close();
    this.#write('\n');
  }

  /** What an event of the run has to say. */
  event(event: RunEvent): void {
    switch (event.type) {
      case 'message.delta':
        if (event.data.channel === 'text') this.#speak(event.data.text);
        return;
      case 'message.completed':
        for (const call of event.data.toolCalls) {
          this.say(`the model asks for ${call.tool} ${JSON.stringify(call.args)}`);
        }
        return;
      case 'tool.started':
        this.say(`${event.data.tool} is requested, Idempotency-Key ${event.data.idempotencyKey}`);
        return;
      case 'tool.completed':
        this.say(`${event.data.tool} returned ${JSON.stringify(event.data.output)}`);
        return;
      case 'run.succeeded':
        this.say('the run has succeeded');
        return;
      default:
        return;
    }
  }

  #speak(text: string): void {
    if (!this.#isLineOpen) {
      const time = `${this.seconds.toFixed(2)} s`.padStart(TIME_WIDTH);
      this.#write(`${this.#paint(time, 2)}  ${this.#paint('the model says: ', 36)}`);
      this.#isLineOpen = true;
    }
    this.#write(text);
  }

  #close(): void {
    if (this.#isLineOpen) this.#write('\n');
    this.#isLineOpen = false;
  }

  #paint(text: string, code: number): string {
    return this.#isColored ? `\u001B[${code}m${text}\u001B[0m` : text;
  }
}
