import { randomUUID } from 'node:crypto';
import { isJsonObject, runStatusSchema } from '@fermata/protocol';
import type { HintListener, Hints, RunHint } from '../engine/ports.ts';
import { crashPoint } from '../observe/crash-point.ts';
import { ChangeFeed } from './change-feed.ts';
import type { DatabaseTarget } from './database-target.ts';
import { Reconnecting } from './reconnecting.ts';
import type { Session } from './session.ts';

const CHANNEL = 'fermata_runs';
/** PostgreSQL takes less than 8,000 bytes. */
const MOST_BYTES = 7500;
const GATHER_MS = 5;

export interface HintHubOptions {
  /** After how long a silence `changes` yields `null`. */
  heartbeatMs?: number;
}

/**
 * Tells listeners here and in other processes which runs have changed. Outgoing hints are gathered for some
 * milliseconds and coalesced per run, and leave on a connection of their own after the commit: a NOTIFY inside it
 * would make all committers of the cluster wait for each other. All of it is best effort: what is lost is found by
 * reading, which `onResync` asks for whenever LISTEN has begun anew.
 */
export class HintHub implements Hints, AsyncDisposable {
  readonly #id = randomUUID();
  readonly #listeners = new Set<HintListener>();
  readonly #feed: ChangeFeed;
  readonly #listening: Reconnecting;
  readonly #notifying: Reconnecting;
  #gathered = new Map<string, RunHint>();
  #timer: NodeJS.Timeout | null = null;
  #isScheduled = false;
  #sentAt = 0;
  #sending: Promise<void> | null = null;
  /** Resolves when this process listens, and can notify, for the first time. */
  readonly ready: Promise<void>;

  constructor(target: DatabaseTarget, options: HintHubOptions = {}) {
    this.#feed = new ChangeFeed(options.heartbeatMs ?? 10_000);
    // A notification has a transaction of its own, which need not wait for the disk: it is lost with the server anyway.
    const settings = { synchronous_commit: 'off' } as const;
    this.#notifying = new Reconnecting(target, { part: 'notify', settings });
    this.#listening = new Reconnecting(
      target,
      { part: 'listen', onNotify: (_channel, payload) => this.#receive(payload) },
      (session) => this.#beginListening(session),
    );
    this.ready = Promise.all([this.#notifying.ready, this.#listening.ready]).then(() => {});
  }

  send(hints: readonly RunHint[]): void {
    for (const hint of hints) {
      this.#tell(hint, true);
      const waiting = this.#gathered.get(hint.runId);
      if (waiting === undefined || waiting.head <= hint.head) this.#gathered.set(hint.runId, hint);
    }
    this.#schedule();
  }

  listen(listener: HintListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  changes(organizationId: number, signal: AbortSignal): ReturnType<Hints['changes']> {
    return this.#feed.open(organizationId, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#flush();
    await this.#sending;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#feed.close();
    await Promise.all([this.#listening[Symbol.asyncDispose](), this.#notifying[Symbol.asyncDispose]()]);
  }

  async #beginListening(session: Session): Promise<void> {
    await session.sql.unsafe(`listen ${CHANNEL}`);
    for (const listener of this.#listeners) listener.onResync();
  }

  #tell(hint: RunHint, local: boolean): void {
    for (const listener of this.#listeners) listener.onHint(hint, local);
    this.#feed.note(hint);
  }

  #receive(payload: string): void {
    if (payload.startsWith(headOf(this.#id))) return;
    for (const hint of hintsFrom(payload)) this.#tell(hint, false);
  }

  /** After a silence the first hint leaves with those of its tick; those that follow gather. */
  #schedule(): void {
    if (this.#gathered.size === 0 || this.#isScheduled || this.#sending !== null) return;
    this.#isScheduled = true;
    const waitMs = this.#sentAt + GATHER_MS - performance.now();
    if (waitMs <= 0) setImmediate(() => this.#flush());
    else this.#timer = setTimeout(() => this.#flush(), waitMs);
  }

  /** While one notification is on its way the next ones gather. */
  #flush(): void {
    this.#timer = null;
    this.#isScheduled = false;
    if (this.#sending !== null || this.#gathered.size === 0) return;
    const hints = [...this.#gathered.values()];
    this.#gathered = new Map();
    const session = this.#notifying.session;
    if (session === null) return;
    this.#sentAt = performance.now();
    this.#sending = notify(session, payloadsOf(this.#id, hints)).finally(() => {
      this.#sending = null;
      this.#schedule();
    });
  }
}

async function notify(session: Session, payloads: readonly string[]): Promise<void> {
  crashPoint('before-hint');
  try {
    await session.sql`select pg_notify(${CHANNEL}, payload) from unnest(${[...payloads]}::text[]) as payload`;
  } catch {
    // Lost hints are found by the slow poll; a lost session is opened anew.
  }
}

/**
 * The hints of a notification. What is not understood is left out: another version's process may say more than this
 * one knows.
 */
function hintsFrom(payload: string): RunHint[] {
  const message = parseJson(payload);
  return isJsonObject(message) && Array.isArray(message['runs']) ? message['runs'].flatMap(hintFrom) : [];
}

/** `[run, head, organization, status, open waits]`: a notification carries about a hundred of them. */
function hintFrom(item: unknown): RunHint[] {
  const [runId, head, organizationId, statusName, openWaits] = Array.isArray(item) ? (item as unknown[]) : [];
  const status = runStatusSchema.safeParse(statusName);
  if (typeof runId !== 'string' || !status.success) return [];
  if (!isCount(head) || !isCount(organizationId) || !isCount(openWaits)) return [];
  return [{ runId, head, organizationId, status: status.data, openWaits }];
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Packs hints into payloads of at most 7,500 bytes. All of it is ASCII. */
export function payloadsOf(from: string, hints: readonly RunHint[]): string[] {
  const payloads: string[] = [];
  const head = headOf(from);
  let body = '';
  for (const { runId, head: seq, organizationId, status, openWaits } of hints) {
    const item = JSON.stringify([runId, seq, organizationId, status, openWaits]);
    if (body !== '' && head.length + body.length + item.length + 3 > MOST_BYTES) {
      payloads.push(`${head}${body}]}`);
      body = '';
    }
    body += body === '' ? item : `,${item}`;
  }
  if (body !== '') payloads.push(`${head}${body}]}`);
  return payloads;
}

/** How the notifications of one process begin: it knows its own by it. */
function headOf(from: string): string {
  return `{"from":${JSON.stringify(from)},"runs":[`;
}
