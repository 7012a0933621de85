import { randomUUID } from 'node:crypto';
import type { StartRunBody } from '@fermata/protocol';
import { expect } from 'vitest';
import { testDatabase, type TestDatabase } from '../world/database.ts';
import { EffectTarget } from '../world/effects.ts';
import { eventually } from '../world/eventually.ts';
import { ServerProcess } from '../world/processes.ts';
import { drive } from './see-through.ts';

/** A database, a service with effects, and a process that outlives all others. */
export interface CrashWorld extends AsyncDisposable {
  database: TestDatabase;
  effects: EffectTarget;
  survivor: ServerProcess;
  /**
   * Starts the run on a process that dies at this crash point, and drives it there until then. Resolves with the
   * run's id when the process is gone.
   */
  dieAt(point: string, body: Partial<StartRunBody>): Promise<string>;
}

export async function crashWorld(): Promise<CrashWorld> {
  const database = await testDatabase();
  const effects = await EffectTarget.start();
  const survivor = await ServerProcess.start(database.env);

  async function dieAt(point: string, body: Partial<StartRunBody>): Promise<string> {
    await using doomed = await ServerProcess.start({ ...database.env, FERMATA_CRASH_AT: point });
    const idempotencyKey = randomUUID();
    const run = await doomed.api
      .start(body, { idempotencyKey })
      // The answer was lost: who asks again gets the same run, or the first one.
      .catch(() => survivor.api.start(body, { idempotencyKey }));
    await drive(database.sql, doomed, run.id);
    await eventually(() => !doomed.isRunning, { what: `the process dies at ${point}`, timeoutMs: 10_000 });
    expect(await doomed.exit).toEqual({ code: null, signal: 'SIGKILL' });
    const again = await survivor.api.start(body, { idempotencyKey });
    expect(again.id, 'the start that was repeated is the same run').toBe(run.id);
    return run.id;
  }

  return {
    database,
    effects,
    survivor,
    dieAt,
    async [Symbol.asyncDispose]() {
      await survivor[Symbol.asyncDispose]();
      await effects[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}
