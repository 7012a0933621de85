import type { RunAgent } from '@fermata/protocol';
import type { Caller } from '../engine/caller.ts';
import { EngineError } from '../engine/errors.ts';
import type { RunsFacade } from '../engine/facade.ts';
import type { AgentsFacade } from '../engine/facade-accounts.ts';
import type { PendingFire, ScheduledRun, SchedulePort } from '../engine/facade-sessions.ts';
import type { Logger } from '../observe/log.ts';
import { Loop } from './sweep-loop.ts';

export interface ScheduleLoopOptions {
  schedules: SchedulePort;
  runs: Pick<RunsFacade, 'start'>;
  agents: Pick<AgentsFacade, 'defaultAgent'>;
  logger: Logger;
  /** 1 s unless given. */
  everyMs?: number;
}

const LIMIT = 100;

/**
 * Fires schedules, in every process: what is due is noted under the schedule's lock, then started under a key that
 * names schedule and time. A process that dies in between leaves the note, and another starts the run.
 */
export class ScheduleLoop implements AsyncDisposable {
  readonly #options: ScheduleLoopOptions;
  readonly #loop: Loop;

  constructor(options: ScheduleLoopOptions) {
    this.#options = options;
    const { logger, everyMs = 1000 } = options;
    this.#loop = new Loop({ round: () => this.round(), everyMs, logger, what: 'schedules cannot fire now' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
  }

  /** One round: fires what is due, and starts what was noted. */
  async round(): Promise<void> {
    const { schedules } = this.#options;
    await schedules.takeDue(LIMIT);
    for (const fire of await schedules.pending(LIMIT)) await this.#start(fire);
  }

  async #start(fire: PendingFire): Promise<void> {
    const { schedules, runs, agents, logger } = this.#options;
    const { scheduleId, fireAt, organizationId, createdBy, origin } = fire;
    const caller: Caller = {
      organizationId,
      principalId: createdBy.id,
      keyId: scheduleId,
      role: 'developer',
      actor: createdBy,
      via: 'schedule',
    };
    // Written by this server from a checked request.
    const run = fire.run as unknown as ScheduledRun;
    try {
      const isNamed = run.agentId !== undefined || run.agent !== undefined;
      const agent = isNamed ? {} : { agent: fieldsOf(await agents.defaultAgent({ ...caller, via: origin })) };
      const started = await runs.start(caller, {
        ...run,
        ...agent,
        title: run.title ?? fire.name,
        key: `schedule:${scheduleId}:${fireAt}`,
      });
      await schedules.settle(fire, { runId: started.run.id });
    } catch (error) {
      if (!(error instanceof EngineError) || error.code === 'unavailable' || error.code === 'internal')
        throw error;
      logger.warn({ scheduleId, fireAt, code: error.code }, 'the run of a schedule cannot be started');
      await schedules.settle(fire, { error: `${error.code}: ${error.message}` });
    }
  }
}

/** The default agent of the face where the schedule was made. */
function fieldsOf({ id: _id, version: _version, ...fields }: RunAgent): Omit<RunAgent, 'id' | 'version'> {
  return fields;
}
