import type { Wait } from '@fermata/protocol';
import type { Command } from './commands.ts';
import type { CommitPort, CommitResult } from './commit.ts';
import { EngineError } from './errors.ts';
import type { Caller, CommandOptions } from './caller.ts';
import type { Changed, WaitsFacade } from './facade.ts';
import type { RunReads, WaitReads } from './ports.ts';
import { answerCommand, changedOf, commandRequest } from './run-commands.ts';
import { MAX_DEPTH } from './tree.ts';

export interface WaitsPorts {
  committer: CommitPort;
  reads: WaitReads;
  runs: Pick<RunReads, 'byId' | 'byNumber'>;
}

/** The facade of waits: an answer is a command on the run that waits. */
export function createWaitsFacade({ committer, reads, runs }: WaitsPorts): WaitsFacade {
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

  async function runOfCall({ organizationId }: Caller, given: string, callId: string): Promise<string> {
    const runId = given.toLowerCase();
    const number = numberOfCall(callId);
    const owner = number === null ? null : await runs.byNumber(organizationId, number);
    let above = owner;
    for (let steps = 0; above !== null && above.id !== runId && steps < MAX_DEPTH; steps += 1)
      above = above.parentId === null ? null : await runs.byId(organizationId, above.parentId);
    // A fork's calls carry the number of the original, which is not below it.
    return above?.id === runId && owner !== null ? owner.id : runId;
  }

  return {
    get,
    runOfCall,
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
      const ownerId = await runOfCall(caller, runId, callId);
      return reply(await committer.commit(commandRequest(caller, ownerId, commands, options, reply)));
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

/** `call_<run number in base 36>_<turn>_<n>`. */
function numberOfCall(callId: string): number | null {
  const [, digits] = /^call_([0-9a-z]{1,10})_\d+_\d+$/.exec(callId) ?? [];
  return digits === undefined ? null : Number.parseInt(digits, 36);
}
