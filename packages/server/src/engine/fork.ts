import {
  isTerminal,
  type EventOf,
  systemActor,
  type RunAgent,
  type RunEvent,
  type WaitBody,
} from '@fermata/protocol';
import { apply, fold } from './apply.ts';
import type { Command } from './commands.ts';
import type { CommitPort, CommitResult } from './commit.ts';
import { decide } from './decide.ts';
import { EngineError } from './errors.ts';
import type { AddressedAnswer, RunsFacade } from './facade.ts';
import type { NewRun } from './new-run.ts';
import type { EventReads, RunReads } from './ports.ts';
import { answerCommand, commitOptions, messageCommand, runOf } from './run-commands.ts';
import type { RunState } from './state.ts';

/** What is written in the copying transaction. */
export interface ForkCopy {
  run: NewRun;
  fromRunId: string;
  /** Events 2 … `through` are copied under the same seqs. */
  through: number;
  /** Time of the original's first event, and so of the copy's: times in a log never go back. */
  logBegins: string;
  /** Follow the copied ones: the hold that stands until the fork is complete. */
  events: RunEvent[];
  state: RunState;
}

export interface ForkPorts {
  committer: CommitPort;
  reads: Pick<RunReads, 'byId' | 'definition'>;
  events: Pick<EventReads, 'page'>;
  copies: {
    drawNumber(): Promise<number>;
    /** One transaction. */
    write(copy: ForkCopy, number: number): Promise<void>;
    /** Takes a copy back, unless its log has gone on from `head`. */
    discard(runId: string, head: number): Promise<void>;
  };
  newRunId(): string;
  newWaitId(): string;
  reseal(sealed: string, fromRunId: string, toRunId: string): string;
  now(): string;
}

interface Copied {
  state: RunState;
  /** Bodies of the waits that are open there. */
  waits: WaitBody[];
}

const PAGE = 500;

/** Forks: a new run from the log of another up to a checkpoint; the original is not touched. */
export function createForks(ports: ForkPorts): Pick<RunsFacade, 'fork'> {
  return {
    async fork(caller, runId, request, options) {
      const original = await ports.reads.byId(caller.organizationId, runId);
      const definition = original === null ? null : await ports.reads.definition(original.id);
      if (original === null || definition === null)
        throw new EngineError('not_found', 'there is no such run');
      const log = await readLog(ports, original.id, original.head);
      const through = await forkPoint(log, request.at, original.head);
      const forkId = ports.newRunId();
      const number = await ports.copies.drawNumber();
      const [first] = log;
      if (first?.type !== 'run.created')
        throw new Error(`the log of ${runId} does not begin with run.created`);
      const receipts = fold(log.filter((event) => event.seq <= through))?.receipts;
      const base: RunAgent | null = first.data.agent;
      const agent =
        request.agent === undefined || base === null
          ? base
          : {
              ...base,
              ...request.agent,
              id: null,
              version: null,
              name: request.agent.name ?? base.name,
              model: request.agent.model ?? base.model,
            };
      // A fork has no run above it.
      const { depth: _depth, ...asCreated } = first.data;
      const created: NewRun['created'] = {
        ...asCreated,
        by: caller.actor,
        origin: caller.via,
        key: null,
        agent,
        parent: null,
        face: null,
        startAt: null,
        forkedFrom: { runId: original.id, seq: through },
        ...(receipts === undefined ? {} : { forkedReceipts: receipts.head }),
      };
      const { secrets } = definition;
      const run: NewRun = {
        runId: forkId,
        created,
        secrets: secrets === null ? null : ports.reseal(secrets, original.id, forkId),
      };
      const at = ports.now();
      const copied = foldCopy(
        log,
        through,
        {
          runId: forkId,
          seq: 1,
          type: 'run.created',
          at: first.at,
          v: first.v,
          data: { ...created, number },
        },
        at,
      );
      const { state, events } = decide(copied.state, [HOLD], at, NO_FACTS);
      await ports.copies.write(
        { run, fromRunId: original.id, through, logBegins: first.at, events, state },
        number,
      );
      const reason = request.reason ?? null;
      const waits = copied.waits.map((body) => ({
        replaces: body.id,
        body: { ...body, id: ports.newWaitId() },
      }));
      const commands: Command[] = [
        { type: 'branch', by: caller.actor, reason, waits },
        ...(request.answers ?? []).map((answer) => answerCommand(caller, renamed(answer, waits))),
        ...(request.messages ?? []).map((message) =>
          messageCommand(caller, { ...message, onWaiting: 'supersede' }),
        ),
      ];
      const reply = (result: CommitResult): { run: ReturnType<typeof runOf>; created: boolean } => ({
        run: runOf(result),
        created: true,
      });
      try {
        const result = await ports.committer.commit({
          runId: forkId,
          organizationId: caller.organizationId,
          commands,
          view: true,
          ...commitOptions(options, reply),
        });
        return reply(result);
      } catch (error) {
        // Refused, or the twin of a request that has its fork: what was copied for it is nobody's. A copy that
        // cannot be taken back stays under its hold.
        await ports.copies.discard(forkId, state.head).catch(() => undefined);
        throw error;
      }
    },
  };
}

const HOLD: Command = {
  type: 'pause',
  by: systemActor('fork'),
  reason: 'the fork is not complete',
  hold: 'policy',
  at: 'now',
  stopClock: true,
  tree: false,
};

const NO_FACTS = {
  driven: false,
  attempts: 0,
  epoch: 0,
  closed: [],
  early: [],
  known: new Map(),
  record: null,
};

/** An answer that names a wait of the original means its copy. */
function renamed(
  answer: AddressedAnswer,
  waits: readonly { replaces: string; body: WaitBody }[],
): AddressedAnswer {
  const copy = waits.find((wait) => wait.replaces === answer.waitId);
  return copy === undefined ? answer : { ...answer, waitId: copy.body.id };
}

/** The log without its deltas, which no fold needs. */
async function readLog({ events }: ForkPorts, runId: string, head: number): Promise<RunEvent[]> {
  const log: RunEvent[] = [];
  for (;;) {
    const page = await events.page(runId, {
      after: log.at(-1)?.seq ?? 0,
      before: head + 1,
      without: ['message.delta', 'tool.output'],
      limit: PAGE,
    });
    log.push(...page);
    if (page.length < PAGE) return log;
  }
}

/** The last seq to copy: a seq, a checkpoint's label, or the end; never the event that ended the run. */
async function forkPoint(
  log: readonly RunEvent[],
  at: number | string | undefined,
  head: number,
): Promise<number> {
  const seq = at === undefined ? head : typeof at === 'number' ? at : labelledSeq(log, at);
  if (seq === null || seq < 1 || seq > head) {
    throw new EngineError('invalid_request', 'there is no such checkpoint', {
      errors: [
        {
          path: 'at',
          message: `expected a seq from 1 to ${head}, or turn-<n>/before-model, turn-<n>/before-tools, step-<id>/before`,
        },
      ],
    });
  }
  const until = log.filter((event) => event.seq <= seq);
  const last = until.findLast((event) => ENDINGS.has(event.type) || event.type === 'run.reopened');
  return last !== undefined && last.type !== 'run.reopened' ? last.seq - 1 : seq;
}

const ENDINGS: ReadonlySet<string> = new Set(['run.succeeded', 'run.failed', 'run.cancelled']);

function labelledSeq(log: readonly RunEvent[], label: string): number | null {
  const [, stepId] = /^step-(.+)\/before$/.exec(label) ?? [];
  if (stepId !== undefined) return seqBeforeStep(log, stepId);
  const [, turn, kind] = /^turn-(\d+)\/(before-model|before-tools)$/.exec(label) ?? [];
  const type = kind === 'before-model' ? 'turn.started' : 'message.completed';
  const event = log.find((candidate) => candidate.type === type && candidate.data.turn === Number(turn));
  if (event === undefined || kind === undefined) return null;
  return kind === 'before-model' ? event.seq - 1 : event.seq;
}

/** Before the first attempt at the step, or where the flow had come to it. */
function seqBeforeStep(log: readonly RunEvent[], stepId: string): number | null {
  for (const { type, data, seq } of log) {
    if ((type === 'step.started' || type === 'step.skipped') && data.stepId === stepId) return seq - 1;
  }
  const before = log.find(({ data }) => 'next' in data && data.next === stepId);
  return before?.seq ?? null;
}

/** The same question, asked now: its deadline is as far away as it was. A timer keeps its time. */
function askedAgain({ data, at }: EventOf<'wait.opened'>, now: string): WaitBody {
  if (data.kind === 'timer' || data.deadlineAt === null) return data;
  const allowedMs = Date.parse(data.deadlineAt) - Date.parse(at);
  return { ...data, deadlineAt: new Date(Date.parse(now) + allowedMs).toISOString() };
}

function foldCopy(log: readonly RunEvent[], through: number, created: RunEvent, now: string): Copied {
  const forkId = created.runId;
  let state = apply(null, created);
  const bodies = new Map<string, WaitBody>();
  for (const event of log.slice(1)) {
    if (event.seq > through) break;
    if (event.type === 'wait.opened') bodies.set(event.data.id, askedAgain(event, now));
    state = apply(state, { ...event, runId: forkId });
  }
  state.head = through;
  if (isTerminal(state.status))
    throw new EngineError('invalid_request', 'the run has ended there; fork it earlier');
  const kept = state.waits.filter((wait) => wait.kind !== 'run');
  return { state, waits: kept.flatMap((wait) => bodies.get(wait.id) ?? []) };
}
