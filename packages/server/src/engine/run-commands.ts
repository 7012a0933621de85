import type { Run, RunEvent, TranscriptMessage } from '@fermata/protocol';
import type { Command } from './commands.ts';
import type { CommitPort, CommitRequest, CommitResult } from './commit.ts';
import { EngineError } from './errors.ts';
import type { Caller, CommandOptions, Page } from './caller.ts';
import type { Changed, ReportRun, ResumeRun, RunCommand, RunsFacade, SendMessage } from './facade.ts';
import type { EventReads, RunReads } from './ports.ts';
import { newRun, type StartRunPorts } from './start-run.ts';

export interface RunsPorts extends StartRunPorts {
  committer: CommitPort;
  reads: RunReads;
  events: Pick<EventReads, 'page'>;
  forks: Pick<RunsFacade, 'fork'>;
  /** A page of the folded transcript. */
  transcript(
    runId: string,
    query: { after?: number | undefined; before?: number | undefined; limit?: number | undefined },
  ): Promise<Page<TranscriptMessage>>;
}

/** The facade of runs: each verb becomes commands of one commit. */
export function createRunsFacade(ports: RunsPorts): RunsFacade {
  const { committer, reads } = ports;

  async function command(
    caller: Caller,
    runId: string,
    commands: Command[],
    options: CommandOptions | undefined,
  ): Promise<Changed> {
    return changedOf(await committer.commit(commandRequest(caller, runId, commands, options, changedOf)));
  }

  async function eventAt(runId: string, seq: number): Promise<RunEvent | undefined> {
    const [event] = await ports.events.page(runId, { after: seq - 1, before: seq + 1, limit: 1 });
    return event;
  }

  async function get(caller: Caller, runId: string): Promise<Run> {
    return found(await reads.byId(caller.organizationId, runId));
  }

  return {
    get,
    async getByNumber(caller, number) {
      return found(await reads.byNumber(caller.organizationId, number));
    },
    list: (caller, query) => reads.list(caller.organizationId, query),

    async start(caller, request, options) {
      const create = await newRun(ports, caller, request);
      const reply = (result: CommitResult): { run: Run; created: boolean } => ({
        run: runOf(result),
        created: !result.existing,
      });
      return reply(await committer.commit({ create, view: true, ...commitOptions(options, reply) }));
    },

    pause: (caller, runId, request, options) =>
      command(caller, runId, [pauseCommand(caller, request)], options),

    resume: (caller, runId, request, options) =>
      command(caller, runId, resumeCommands(caller, request), options),

    cancel(caller, runId, { reason = null, seal = false }, options) {
      const by = caller.actor;
      const commands: Command[] = [{ type: 'cancel', by, reason: reason ?? null }];
      if (seal) commands.push({ type: 'update', by, reason: reason ?? null, sealed: true });
      return command(caller, runId, commands, options);
    },

    retry(caller, runId, { reason = null }, options) {
      return command(caller, runId, [{ type: 'retry', by: caller.actor, reason: reason ?? null }], options);
    },

    update(caller, runId, { reason, ...patch }, options) {
      const update: Command = { type: 'update', by: caller.actor, reason: reason ?? null, ...patch };
      return command(caller, runId, [update], options);
    },

    report: (caller, runId, report, options) =>
      command(caller, runId, [reportCommand(caller, report)], options),

    commands: (caller, runId, several, options) =>
      command(
        caller,
        runId,
        several.map((one) => commandOf(caller, one)),
        options,
      ),

    async sendMessage(caller, runId, request, options) {
      const reply = (result: CommitResult): Changed & { message: { id: string | null; seq: number } } => ({
        ...changedOf(result),
        message: { id: request.messageId ?? null, seq: result.decisions.at(-1)?.seq ?? result.state.head },
      });
      const commands = [messageCommand(caller, request)];
      return reply(await committer.commit(commandRequest(caller, runId, commands, options, reply)));
    },

    async addNote(caller, runId, note, options) {
      const { type, summary = null, data = null, key = null, stepId, agentId } = note;
      const body = {
        by: caller.actor,
        noteType: type,
        summary: summary ?? null,
        data: data ?? null,
        key: key ?? null,
        ...(stepId === undefined ? {} : { stepId }),
        ...(agentId === undefined ? {} : { agentId }),
      };
      const commands: Command[] = [{ type: 'note', by: caller.actor, note: body }];
      const reply = (result: CommitResult): Awaited<ReturnType<RunsFacade['addNote']>> => {
        const seq = result.decisions[0]?.seq ?? result.state.head;
        const event = result.events[0] ?? {
          runId,
          seq,
          type: 'note.logged' as const,
          at: result.state.at,
          v: 1,
          data: body,
        };
        return { ...changedOf(result), event };
      };
      const result = await committer.commit(commandRequest(caller, runId, commands, options, reply));
      const { changed, run, event } = reply(result);
      const logged = changed ? event : await eventAt(run.id, event.seq);
      return { changed, run, event: logged ?? event };
    },

    fork: (caller, runId, request, options) => ports.forks.fork(caller, runId, request, options),

    async messages(caller, runId, query) {
      await get(caller, runId);
      return ports.transcript(runId, query);
    },
  };
}

function pauseCommand(caller: Caller, request: Parameters<RunsFacade['pause']>[2]): Command {
  const { reason = null, hold = 'operator', at = 'checkpoint', stopClock = true, tree = true } = request;
  return { type: 'pause', by: caller.actor, reason, hold, at, stopClock, tree };
}

function commandOf(caller: Caller, one: RunCommand): Command {
  const by = caller.actor;
  switch (one.type) {
    case 'report': {
      const { type: _type, ...report } = one;
      return reportCommand(caller, report);
    }
    case 'update':
      return { ...one, by, reason: null };
    case 'pause':
      return pauseCommand(caller, one);
    case 'resume':
      return { type: 'resume', by, reason: one.reason ?? null, hold: null, limits: null, model: null };
    case 'cancel':
      return { type: 'cancel', by, reason: one.reason ?? null };
    case 'plan':
      return { type: 'plan', by, change: one.change };
    case 'answer': {
      const { type: _type, ...answer } = one;
      return answerCommand(caller, answer);
    }
    case 'message': {
      const { type: _type, ...message } = one;
      return messageCommand(caller, message);
    }
  }
}

/** Answers first, then the release, then the messages: one commit, all or none. */
export function resumeCommands(caller: Caller, request: ResumeRun): Command[] {
  const by = caller.actor;
  const reason = request.reason ?? null;
  const answers = (request.answers ?? []).map((answer): Command => answerCommand(caller, answer));
  const messages = (request.messages ?? []).map((message, index): Command => {
    const messageId =
      request.messageId === undefined ? undefined : `${request.messageId}${index === 0 ? '' : `:${index}`}`;
    return messageCommand(caller, {
      ...message,
      messageId,
      onWaiting: request.onWaiting,
      reason: request.reason,
    });
  });
  const resume: Command = {
    type: 'resume',
    by,
    reason,
    hold: request.hold ?? null,
    limits: request.limits ?? null,
    model: request.model ?? null,
  };
  return [...answers, resume, ...messages];
}

/** An answer by wait id or call id, as a command. */
export function answerCommand(
  caller: Caller,
  { waitId, callId, ...answer }: NonNullable<ResumeRun['answers']>[number],
): Command {
  if ((waitId === undefined) === (callId === undefined)) {
    throw new EngineError('invalid_request', 'an answer names either a waitId or a callId');
  }
  const target = waitId === undefined ? { callId: callId ?? '' } : { waitId };
  const digest = caller.via !== 'native' ? 'shown' : caller.mayOmitDigest === true ? 'optional' : 'required';
  return { type: 'answer', by: caller.actor, role: caller.role, via: caller.via, target, answer, digest };
}

export function messageCommand(caller: Caller, request: SendMessage): Command {
  return {
    type: 'message',
    by: caller.actor,
    messageId: request.messageId ?? null,
    role: request.role ?? 'user',
    parts: request.parts,
    onWaiting: request.onWaiting ?? null,
    resume: request.resume ?? false,
    reopen: request.reopen ?? false,
    model: request.model ?? null,
    reason: request.reason ?? null,
  };
}

function reportCommand(caller: Caller, report: ReportRun): Command {
  const { status = null, output, summary, error, reopen = false, reason } = report;
  return {
    type: 'report',
    by: caller.actor,
    status: status ?? null,
    output,
    summary,
    error,
    reopen: reopen ?? false,
    reason: reason ?? null,
  };
}

/** A caller's commands on one run, with the reply kept for repeats. */
export function commandRequest(
  caller: Caller,
  runId: string,
  commands: Command[],
  options: CommandOptions | undefined,
  reply: (result: CommitResult) => unknown,
): CommitRequest {
  if (!UUID.test(runId)) throw notFound();
  const { organizationId } = caller;
  return {
    runId: runId.toLowerCase(),
    organizationId,
    commands,
    view: true,
    ...commitOptions(options, reply),
  };
}

export function commitOptions(
  options: CommandOptions | undefined,
  reply: (result: CommitResult) => unknown,
): Pick<CommitRequest, 'idempotency' | 'deadlineAt'> {
  const idempotency = options?.idempotency;
  return {
    ...(options?.deadlineAt === undefined ? {} : { deadlineAt: options.deadlineAt }),
    ...(idempotency === undefined
      ? {}
      : {
          idempotency: {
            key: { scope: idempotency.scope, fingerprint: idempotency.fingerprint },
            encode: (result) => idempotency.encode(reply(result)),
          },
        }),
  };
}

export function changedOf(result: CommitResult): Changed {
  return { run: runOf(result), changed: result.decisions.some((decision) => decision.changed) };
}

export function runOf({ run }: CommitResult): Run {
  if (run === null) throw new Error('the commit was made without its view');
  return run;
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

function notFound(): EngineError {
  return new EngineError('not_found', 'there is no such run');
}

function found(run: Run | null): Run {
  if (run === null) throw notFound();
  return run;
}
