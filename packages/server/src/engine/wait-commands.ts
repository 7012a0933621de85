import type { Wait } from '@fermata/protocol';
import type { Command } from './commands.ts';
import type { CommitPort, CommitResult } from './commit.ts';
import { EngineError } from './errors.ts';
import type { Caller, CommandOptions } from './caller.ts';
import type { Changed, WaitsFacade } from './facade.ts';
import type { WaitReads } from './ports.ts';
import { answerCommand, changedOf, commandRequest } from './run-commands.ts';

export interface WaitsPorts {
  committer: CommitPort;
  reads: WaitReads;
}

/** The facade of waits: an answer is a command on the run that waits. */
export function createWaitsFacade({ committer, reads }: WaitsPorts): WaitsFacade {
  async function get(caller: Caller, waitId: string): Promise<Wait> {
    const wait = await reads.byId(caller.organizationId, waitId);
    if (wait === null) throw new EngineError('not_found', 'there is no such wait');
    return wait;
  }

  async function onWait(
    caller: Caller,
    waitId: string,
    command: (wait: Wait) => Command,
    options: CommandOptions | undefined,
  ): Promise<Changed & { wait: Wait }> {
    const wait = await get(caller, waitId);
    const reply = (result: CommitResult): Changed & { wait: Wait } => ({
      ...changedOf(result),
      wait: result.waits.find((named) => named.id === waitId) ?? wait,
    });
    const request = commandRequest(caller, wait.runId, [command(wait)], options, reply);
    return reply(await committer.commit(request));
  }

  return {
    get,
    list: (caller, query) => reads.list(caller.organizationId, query),
    answer(caller, waitId, answer, options) {
      return onWait(caller, waitId, () => answerCommand(caller, { ...answer, waitId }), options);
    },
    async answerCall(caller, runId, callId, answer, options) {
      const reply = (result: CommitResult): Changed & { wait: Wait | null } => ({
        ...changedOf(result),
        wait: result.waits.at(-1) ?? null,
      });
      const commands = [answerCommand(caller, { ...answer, callId })];
      return reply(await committer.commit(commandRequest(caller, runId, commands, options, reply)));
    },
    snooze(caller, waitId, until, options) {
      const utc = until === null ? null : new Date(until).toISOString();
      return onWait(
        caller,
        waitId,
        () => ({ type: 'snooze', by: caller.actor, waitId, until: utc }),
        options,
      );
    },
    assign: (caller, waitId, assignee, options) =>
      onWait(caller, waitId, () => ({ type: 'assign', by: caller.actor, waitId, assignee }), options),
  };
}
