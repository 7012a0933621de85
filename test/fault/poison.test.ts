import { expect, test } from 'vitest';
import { testDatabase } from '../world/database.ts';
import { EffectTarget } from '../world/effects.ts';
import { eventually } from '../world/eventually.ts';
import { ServerProcess } from '../world/processes.ts';
import { approvalRun, longRun, streamingRun } from './scripts.ts';
import { reaches, seeThrough, statusOf } from './see-through.ts';

test('a run that kills each process that drives it is put on hold, and takes no other run with it', async () => {
  await using database = await testDatabase();
  await using effects = await EffectTarget.start();
  const { sql } = database;
  const env = { ...database.env, FERMATA_CRASH_AT: 'mid-delta' };
  const first = await ServerProcess.start(env);
  const parked = await first.api.start(approvalRun(effects));
  await reaches(sql, parked.id, 'waiting');
  const innocent = await first.api.start(longRun(effects, 4, 700));
  const poison = await first.api.start({ ...streamingRun(), onLimit: 'pause' });

  let deaths = 0;
  for (let doomed = first; ; doomed = await ServerProcess.spawn(env)) {
    await using _doomed = doomed;
    const isHeld = async (): Promise<boolean> => (await statusOf(sql, poison.id)) === 'paused';
    await eventually(async () => !doomed.isRunning || (await isHeld()), {
      what: 'the run is held, or kills another process',
    });
    if (await isHeld()) break;
    deaths += 1;
  }
  await using healthy = await ServerProcess.start(database.env);
  const held = await healthy.api.run(poison.id);
  expect(held.holds.map((hold) => hold.name)).toEqual(['policy']);
  expect(held.holds[0]?.reason).toContain('crash_loop');
  expect(deaths).toBe(4);
  for (const run of [innocent, parked]) await seeThrough(sql, healthy, run.id, { effects });

  await healthy.api.ok('POST', `/runs/${poison.id}/resume`, { body: { hold: 'policy', reason: 'mended' } });
  const events = await seeThrough(sql, healthy, poison.id);
  const lost = events.flatMap((event) => (event.type === 'segment.lost' ? [event.data.deaths] : []));
  expect(lost).toEqual([1, 2, 3, 4]);
});
