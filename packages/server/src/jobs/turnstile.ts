/**
 * Lets one pass at a time. Whoever has passed holds it until `leave`; a holder that never leaves is passed over
 * after a while, so that a lost one stops nobody for ever.
 */
export class Turnstile {
  readonly #waiting: (() => void)[] = [];
  readonly #longestMs: number;
  #overdue: NodeJS.Timeout | null = null;

  constructor(longestMs: number) {
    this.#longestMs = longestMs;
  }

  async enter(): Promise<void> {
    if (this.#overdue !== null) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#hold();
  }

  leave(): void {
    if (this.#overdue === null) return;
    clearTimeout(this.#overdue);
    this.#overdue = null;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#hold();
    next();
  }

  #hold(): void {
    this.#overdue = setTimeout(() => this.leave(), this.#longestMs);
    this.#overdue.unref();
  }
}
