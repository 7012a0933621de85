import type { Actor, Preview, Role, Run, RunEvent, Wait } from '@fermata/protocol';
import { EngineError, ReplayedReply, type StoredReply } from '../../engine/errors.ts';
import type { Caller, CommandOptions } from '../../engine/caller.ts';
import type { Engine } from '../../engine/facade.ts';

export const RUN_ID = '01900000-0000-7000-8000-000000000001';
export const AT = '2026-01-01T00:00:00.000Z';
export const ACTOR: Actor = { type: 'principal', id: 'principal-1', name: 'Ada' };

/** An engine without rules, for tests of HTTP alone: it remembers what it was asked. */
export interface FakeEngine {
  engine: Engine;
  calls: { name: string; args: unknown[] }[];
  /** Role by secret; a secret that is taken out is revoked. */
  secrets: Map<string, Role>;
  runs: Map<string, Run>;
  waits: Map<string, Wait>;
  blobs: Map<string, { bytes: Uint8Array; mediaType: string }>;
  log: FakeLog;
  /** Thrown by the next command, whatever it is. */
  failNext(error: Error): void;
}

/** The log of the one run that streams. */
export class FakeLog {
  readonly events: RunEvent[] = [];
  readonly #waiters = new Set<() => void>();
  openTails = 0;
  /** How many were ever opened. */
  tails = 0;

  append(...events: RunEvent[]): void {
    this.events.push(...events);
    for (const wake of this.#waiters) wake();
  }

  async *tail(after: number, signal: AbortSignal): AsyncGenerator<RunEvent[]> {
    let last = after;
    this.openTails += 1;
    this.tails += 1;
    try {
      while (!signal.aborted) {
        const due = this.events.filter((event) => event.seq > last);
        if (due.length > 0) {
          last = due.at(-1)?.seq ?? last;
          yield due;
        } else {
          await this.#changed(signal);
        }
      }
    } finally {
      this.openTails -= 1;
    }
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiters.add(wake);
      signal.addEventListener('abort', wake);
    });
  }
}

export function fakeEngine(): FakeEngine {
  const replies = new Map<string, { fingerprint: string; reply: StoredReply }>();
  let failure: Error | undefined;
  const fake: Omit<FakeEngine, 'engine'> = {
    calls: [],
    secrets: new Map([
      ['viewer-key', 'viewer'],
      ['operator-key', 'operator'],
      ['developer-key', 'developer'],
      ['admin-key', 'admin'],
    ]),
    runs: new Map(),
    waits: new Map(),
    blobs: new Map(),
    log: new FakeLog(),
    failNext: (error) => {
      failure = error;
    },
  };
  const command = async <T>(
    name: string,
    args: unknown[],
    options: CommandOptions | undefined,
    result: () => T,
  ): Promise<T> => {
    fake.calls.push({ name, args });
    if (failure !== undefined) {
      const error = failure;
      failure = undefined;
      throw error;
    }
    const keyed = options?.idempotency;
    const known = keyed === undefined ? undefined : replies.get(keyed.scope);
    if (keyed !== undefined && known !== undefined) {
      if (known.fingerprint !== keyed.fingerprint) {
        throw new EngineError('idempotency_conflict', 'another body');
      }
      throw new ReplayedReply(known.reply);
    }
    const value = result();
    if (keyed !== undefined) {
      replies.set(keyed.scope, { fingerprint: keyed.fingerprint, reply: keyed.encode(value) });
    }
    return value;
  };
  const runOf = (runId: string): Run => {
    const run = fake.runs.get(runId);
    if (run === undefined) throw new EngineError('not_found', 'There is no such run.');
    return run;
  };
  const waitOf = (waitId: string): Wait => {
    const wait = fake.waits.get(waitId);
    if (wait === undefined) throw new EngineError('not_found', 'There is no such wait.');
    return wait;
  };
  const changed =
    (name: string) =>
    (_caller: Caller, runId: string, body: unknown, options?: CommandOptions): Promise<never> =>
      command(name, [runId, body], options, () => ({ run: runOf(runId), changed: true })) as Promise<never>;
  const engine: Engine = {
    runs: unfaked({
      start: (_caller: Caller, request: unknown, options?: CommandOptions) =>
        command('start', [request], options, () => {
          const run = fakeRun();
          fake.runs.set(run.id, run);
          return { run, created: true };
        }),
      get: async (_caller: Caller, runId: string) => {
        fake.calls.push({ name: 'get', args: [runId] });
        return runOf(runId);
      },
      list: async (_caller: Caller, query: unknown) => {
        fake.calls.push({ name: 'list', args: [query] });
        return { data: [...fake.runs.values()], nextCursor: null };
      },
      pause: changed('pause'),
      resume: changed('resume'),
      cancel: changed('cancel'),
      update: changed('update'),
    }),
    waits: unfaked({
      get: async (_caller: Caller, waitId: string) => waitOf(waitId),
      list: async () => ({ data: [...fake.waits.values()], nextCursor: null }),
      answer: (_caller: Caller, waitId: string, body: unknown, options?: CommandOptions) =>
        command('answer', [waitId, body], options, () => {
          const wait = waitOf(waitId);
          return { run: runOf(wait.runId), wait, changed: true };
        }),
    }),
    previews: unfaked({
      resume: async (_caller: Caller, runId: string, body: unknown) => {
        fake.calls.push({ name: 'previewResume', args: [runId, body] });
        return fakePreview();
      },
    }),
    events: unfaked({
      tail: async (_caller: Caller, runId: string, after: number, signal: AbortSignal) => {
        runOf(runId);
        if (after > (fake.log.events.at(-1)?.seq ?? 0)) throw new EngineError('cursor_ahead', 'ahead');
        return fake.log.tail(after, signal);
      },
    }),
    blobs: unfaked({
      put: async (_caller: Caller, bytes: Uint8Array, mediaType: string) => {
        const reference = `blob:sha256-${String(fake.blobs.size).padStart(64, '0')}`;
        fake.blobs.set(reference, { bytes, mediaType });
        return reference;
      },
      get: async (_caller: Caller, digest: string) => {
        const blob = fake.blobs.get(digest);
        if (blob === undefined) throw new EngineError('not_found', 'There is no such blob.');
        return blob;
      },
    }),
    agents: unfaked({}),
    flows: unfaked({}),
    identity: unfaked({
      authenticate: async (secret: string) => {
        const role = fake.secrets.get(secret);
        if (role === undefined) return null;
        return {
          organizationId: 1,
          principalId: 'principal-1',
          keyId: `key-of-${secret}`,
          role,
          actor: ACTOR,
          via: 'native',
        };
      },
      createKey: (_caller: Caller, fields: object, options?: CommandOptions) =>
        command('createKey', [fields], options, () => ({
          id: 'key_1',
          principalId: 'principal-1',
          prefix: 'fm_',
          createdAt: AT,
          lastUsedAt: null,
          expiresAt: null,
          revokedAt: null,
          secret: 'fm_the-secret',
          ...fields,
        })),
    }),
    records: unfaked({}),
    receipts: unfaked({}),
    jobs: unfaked({}),
    inbox: unfaked({}),
    usage: unfaked({}),
    missions: unfaked({}),
    plans: unfaked({}),
    webhooks: unfaked({}),
    sessions: unfaked({}),
    schedules: unfaked({}),
    clients: unfaked({}),
  };
  return { ...fake, engine, failNext: fake.failNext };
}

/** The methods that a test needs; any other one fails the test by name. */
function unfaked<T extends object>(methods: object): T {
  return new Proxy(methods, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (method === undefined) throw new Error(`the fake engine has no ${String(name)}`);
      return method;
    },
  }) as T;
}

export function fakeRun(fields: Partial<Run> = {}): Run {
  return {
    id: RUN_ID,
    number: 1,
    key: null,
    organizationId: 1,
    createdBy: ACTOR,
    status: 'running',
    statusSince: AT,
    mode: 'managed',
    kind: 'agent',
    origin: 'native',
    agent: { id: null, name: 'default', model: 'script/echo', version: null },
    flow: null,
    title: null,
    sessionId: null,
    missionId: null,
    parentId: null,
    forkedFrom: null,
    input: 'hello',
    output: null,
    summary: null,
    error: null,
    endedBy: null,
    holds: [],
    openWaits: [],
    sealed: null,
    checkpoint: null,
    head: 0,
    turn: 0,
    usage: {
      turns: 0,
      toolCalls: 0,
      inputTokens: 0,
      outputTokens: 0,
      costUsd: 0,
      activeSeconds: 0,
      byModel: {},
    },
    limits: {},
    metadata: {},
    face: null,
    startAt: null,
    createdAt: AT,
    startedAt: null,
    updatedAt: AT,
    finishedAt: null,
    ...fields,
  };
}

export function fakeWait(fields: Partial<Wait> = {}): Wait {
  return {
    id: 'wait_1',
    runId: RUN_ID,
    kind: 'input',
    prompt: 'How many?',
    callId: 'call_1',
    tool: 'ask_user',
    args: null,
    digest: null,
    schema: null,
    childRunId: null,
    approvers: null,
    assignee: null,
    deadline: [],
    deadlineAt: null,
    onExpire: 'continue',
    state: 'open',
    clockStopped: false,
    remainingSeconds: null,
    snoozedUntil: null,
    openedAt: AT,
    resolution: null,
    ...fields,
  };
}

export function fakePreview(fields: Partial<Preview> = {}): Preview {
  return {
    runId: RUN_ID,
    changed: true,
    head: 1,
    status: 'running',
    comesTo: 'running',
    next: 'turn',
    holds: [],
    closes: [],
    openWaits: [],
    releases: [],
    opens: [],
    calls: [],
    turn: null,
    cost: null,
    limits: [],
    error: null,
    agent: null,
    warnings: [],
    ...fields,
  };
}

export function noteEvent(seq: number, text = 'note'): RunEvent {
  return {
    runId: RUN_ID,
    seq,
    type: 'note.logged',
    at: AT,
    v: 1,
    data: { by: ACTOR, noteType: 'test', summary: text, data: null, key: null },
  };
}

export function succeededEvent(seq: number): RunEvent {
  return {
    runId: RUN_ID,
    seq,
    type: 'run.succeeded',
    at: AT,
    v: 1,
    data: { by: ACTOR, output: 'done', summary: null },
  };
}
