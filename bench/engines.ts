import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Session } from '../packages/server/src/store/session.ts';
import type { Figure } from './world.ts';

/**
 * Durable-execution engines on the same PostgreSQL, for decision record 0001. They are no dependencies of ours:
 * `folder` is a scratch folder in which the packages that `bench/engines/*.mjs` name are installed.
 */
export async function benchEngines(
  folder: string,
  { sql }: Session,
  urlOf: (database: string) => string,
): Promise<Record<string, Figure>> {
  const figures: Record<string, Figure> = {};
  for (const engine of ['dbos', 'openworkflow']) {
    await sql.unsafe(`create database ${engine}`);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [resolve(`bench/engines/${engine}.mjs`), urlOf(engine)],
      { cwd: folder, timeout: 300_000 },
    );
    const line = stdout.trim().split('\n').at(-1) ?? '{}';
    const measured = JSON.parse(line) as { loneStepMs: number; stepsPerSecond256: number };
    figures[`${engine}_lone_step_ms`] = { value: measured.loneStepMs, unit: 'ms' };
    figures[`${engine}_steps_per_s_256`] = { value: measured.stepsPerSecond256, unit: '1/s' };
  }
  return figures;
}
